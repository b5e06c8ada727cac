// Frames of brigata.v1.json: what the socket reads and writes.
import type { Refusal, Session } from "./wire";

/** One element of a snapshot, a delta or a push: an entity's whole public view. */
export interface Entry<T = unknown> {
	k: string;
	s: number;
	v?: number;
	d?: T;
	del?: true;
}

export interface SubResult {
	t: string;
	e?: string;
	s?: number;
	mode?: "snap" | "delta";
	d?: Entry[];
	err?: Refusal;
}

export interface Push extends Entry {
	t: string;
	e?: string;
	snap?: Entry[];
	end?: { code: string; table?: string };
}

export interface Ok<T = unknown> {
	v: number;
	dup?: boolean;
	d: T;
}

export interface Answer {
	id?: number;
	ok?: Ok & Session & { subs?: SubResult[] };
	err?: Refusal;
	bye?: { code: number; after_ms: number };
	t?: string;
}

/** A command that the server refused, or that could not be sent (code "offline"). */
export class Refused extends Error {
	constructor(
		readonly refusal: Omit<Refusal, "code"> & {
			code: Refusal["code"] | "offline";
		},
	) {
		super(refusal.message);
	}
	get code() {
		return this.refusal.code;
	}
}

export const offline = () =>
	new Refused({
		code: "offline",
		message: "There is no connection",
		fields: {},
		retry: true,
		after_ms: 0,
	});
