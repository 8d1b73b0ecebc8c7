export function PortTable() {
    return null;
}
