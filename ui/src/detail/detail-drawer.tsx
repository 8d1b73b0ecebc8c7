export function DetailDrawer() {
    return null;
}
