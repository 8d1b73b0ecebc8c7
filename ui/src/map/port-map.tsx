export function PortMap() {
    return null;
}
