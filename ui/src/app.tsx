import type { ReactNode } from "react";
import { ActionHost } from "./actions/action-button.tsx";
import { Announcer } from "./base/announcer.tsx";
import type { Landing } from "./base/shortcuts.ts";
import { ConflictView } from "./conflicts/conflict-view.tsx";
import { DetailDrawer } from "./detail/detail-drawer.tsx";
import { Header } from "./header/header.tsx";
import { PortMap } from "./map/port-map.tsx";
import { Palette } from "./palette/palette.tsx";
import { PortTable } from "./table/port-table.tsx";
import { Timeline } from "./timeline/timeline.tsx";
import "./app.css";

/* Where a shortcut, the palette or the skip link goes to. */
function Place({ id, children }: { id: Exclude<Landing, "filter">; children: ReactNode }) {
    return (
        <div id={id} className="place" tabIndex={-1}>
            {children}
        </div>
    );
}

export function App() {
    return (
        <>
            <div className="page">
                <Header />
                <main className="page-main">
                    <Place id="conflicts">
                        <ConflictView />
                    </Place>
                    <div className="views">
                        <Place id="ports">
                            <PortTable />
                        </Place>
                        <Place id="map">
                            <PortMap />
                        </Place>
                    </div>
                    <Place id="timeline">
                        <Timeline />
                    </Place>
                </main>
            </div>
            <DetailDrawer />
            <Palette />
            <ActionHost />
            <Announcer />
        </>
    );
}
