/*
 * What portd sends, looked at before it is believed: what is not what it says it is, is dropped. Only what the page would stumble over is looked at; the
 * next record, or the next snapshot, says it again.
 */
import type { Event, PortRecord, Snapshot } from "../api/types.ts";

function isObject(value: unknown): value is Record<string, unknown> {
    return value !== null && typeof value === "object" && !Array.isArray(value);
}

function isPort(value: unknown): value is number {
    return typeof value === "number" && Number.isInteger(value) && value > 0 && value < 65536;
}

const LEASE_STATES = ["pending", "bound", "elsewhere", "conflict", "silent"];

function isLease(value: unknown): boolean {
    if (!isObject(value) || !isPort(value["port"]) || typeof value["service_name"] !== "string") return false;
    return LEASE_STATES.includes(value["state"] as string) && Array.isArray(value["tags"]) && typeof value["allocated_at"] === "string";
}

function isListener(value: unknown): boolean {
    return isObject(value) && isPort(value["port"]) && Array.isArray(value["owners"]) && value["owners"].every(isObject);
}

function isFinding(value: unknown): boolean {
    if (!isObject(value) || !isPort(value["port"]) || typeof value["verdict"] !== "string") return false;
    return (value["lease"] === null || isLease(value["lease"])) && isListOf(value["listeners"], isListener);
}

function isListOf(value: unknown, is: (each: unknown) => boolean): boolean {
    return Array.isArray(value) && value.every(is);
}

/** A snapshot, or null if the answer is none. */
export function readSnapshot(value: unknown): Snapshot | null {
    if (!isObject(value) || typeof value["run"] !== "string" || !Number.isSafeInteger(value["version"]) || !Number.isSafeInteger(value["seq"]))
        return null;
    const { range, caller, portd } = value;
    if (!isObject(range) || !isPort(range["min"]) || !isPort(range["max"])) return null;
    if (!isObject(caller) || typeof caller["uid"] !== "number" || !isObject(portd) || typeof portd["command"] !== "string") return null;
    if (!isListOf(value["leases"], isLease) || !isListOf(value["listeners"], isListener)) return null;
    if (!isListOf(value["squatters"], isFinding) || !isListOf(value["warnings"], (each) => typeof each === "string")) return null;
    return value as unknown as Snapshot;
}

/** Which run of portd a stream says it is of; null: it does not say. */
export function readRun(data: string): string | null {
    const value = parse(data);
    return isObject(value) && typeof value["run"] === "string" ? value["run"] : null;
}

export function readRecord(data: string): PortRecord | null {
    const value = parse(data);
    if (!isObject(value) || !isPort(value["port"])) return null;
    if (!Number.isSafeInteger(value["version"]) || !Number.isSafeInteger(value["after"])) return null;
    if (!Array.isArray(value["listeners"]) || !Array.isArray(value["findings"])) return null;
    const { port, lease, listeners, findings } = value;
    const ofPort = (each: unknown): boolean => isObject(each) && each["port"] === port;
    if (lease !== null && !(isLease(lease) && ofPort(lease))) return null;
    if (!listeners.every((each) => isListener(each) && ofPort(each)) || !findings.every((each) => isFinding(each) && ofPort(each))) return null;
    return value as unknown as PortRecord;
}

export function readEvent(data: string): Event | null {
    const value = parse(data);
    if (!isObject(value) || !Number.isSafeInteger(value["id"]) || typeof value["kind"] !== "string" || !isPort(value["port"])) return null;
    if (typeof value["at"] !== "string" || Number.isNaN(Date.parse(value["at"]))) return null;
    return value as unknown as Event;
}

function parse(data: string): unknown {
    try {
        return JSON.parse(data);
    } catch {
        return null;
    }
}
