import type { ProblemError } from "../api/client.ts";

/** An error in the words of the problem document, read out at once. */
export function ProblemNote({ problem }: { problem: ProblemError }) {
    const hint = problem.problem.hint ?? (problem.kind === "unreachable" ? "Look at what is shown when portd is back before you try again." : null);
    return (
        <div role="alert" className="problem">
            <bdi>{problem.problem.detail}</bdi>
            {hint !== null && (
                <div className="muted">
                    <bdi>{hint}</bdi>
                </div>
            )}
        </div>
    );
}
