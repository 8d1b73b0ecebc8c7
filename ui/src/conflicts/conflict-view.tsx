export function ConflictView() {
    return null;
}
