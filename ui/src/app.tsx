import { ActionHost } from "./actions/action-button.tsx";
import { Announcer } from "./base/announcer.tsx";
import { ConflictView } from "./conflicts/conflict-view.tsx";
import { DetailDrawer } from "./detail/detail-drawer.tsx";
import { Header } from "./header/header.tsx";
import { PortMap } from "./map/port-map.tsx";
import { Palette } from "./palette/palette.tsx";
import { PortTable } from "./table/port-table.tsx";
import { Timeline } from "./timeline/timeline.tsx";
import "./app.css";

export function App() {
    return (
        <>
            <div className="page">
                <Header />
                <main className="page-main">
                    <ConflictView />
                    <div className="views">
                        <PortTable />
                        <PortMap />
                    </div>
                    <Timeline />
                </main>
            </div>
            <DetailDrawer />
            <Palette />
            <ActionHost />
            <Announcer />
        </>
    );
}
