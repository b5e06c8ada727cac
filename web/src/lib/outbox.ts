import type { DBSchema, IDBPDatabase } from "idb";
import type { Ok } from "./frames";
import { offline, Refused } from "./frames";
import { newID } from "./id";
import type { Commands } from "./wire";

export interface Queued {
	cid: string;
	cmd: string;
	d: object;
	/** Who gave the command: nobody else may send it. */
	owner: string;
	at: number;
	/** What it is about, for people: shown when it is refused after all. */
	about?: string;
}

interface Schema extends DBSchema {
	outbox: { key: string; value: Queued };
}

export interface OutboxOptions {
	send: (q: Queued) => Promise<Ok<unknown>>;
	live: () => boolean;
	changed: () => void;
	/** Told of a command that was refused after its page had gone. */
	refused: (q: Queued, why: Refused) => void;
	open?: () => Promise<Pick<IDBPDatabase<Schema>, "getAll" | "put" | "delete"> | undefined>;
}

/** Commands as old as this are not sent any more: the evening is over. ms */
export const tooOld = 12 * 3600_000;
const inFlightMax = 8;
const queueMax = 500;

interface Job extends Queued {
	resolve?: (ok: Ok<unknown>) => void;
	reject?: (e: Error) => void;
	sent?: boolean;
}

/**
 * Outbox sends commands in the order in which they were given, with ids that stay the
 * same, until each has its one outcome: through a cut, a retry, a reload of the page.
 * What must never wait (payments) does not go through it.
 */
export class Outbox {
	private o: OutboxOptions;
	private jobs: Job[] = [];
	private db?: Awaited<ReturnType<NonNullable<OutboxOptions["open"]>>>;
	private timer?: ReturnType<typeof setTimeout>;
	private owner = "";
	private loading = false;

	constructor(o: OutboxOptions) {
		this.o = o;
	}

	get size() {
		return this.jobs.length;
	}

	/** Takes up what an earlier page of the same owner left: it goes first. Another's commands stay on the device for that one. */
	async load(owner: string) {
		if (this.owner === owner) return this.flush();
		this.owner = owner;
		this.loading = true;
		for (const j of this.jobs) if (j.owner && j.owner !== owner) j.reject?.(offline());
		this.jobs = this.jobs.filter((j) => !j.owner || j.owner === owner);
		this.db ??= await (this.o.open ?? open)().catch(() => undefined);
		const all = ((await this.db?.getAll("outbox").catch(() => [])) ?? []).filter((q) => q.owner === owner);
		if (this.owner !== owner) return;
		for (const j of this.jobs) this.keep(Object.assign(j, { owner })); // given before it was known whose they are
		const oldest = Date.now() - tooOld;
		const have = new Set(this.jobs.map((j) => j.cid));
		for (const q of all) if (q.at < oldest) void this.db?.delete("outbox", q.cid);
		this.jobs.unshift(...all.filter((q) => q.at >= oldest && !have.has(q.cid)).sort((a, b) => (a.cid < b.cid ? -1 : 1)));
		this.loading = false;
		this.flush();
	}

	private keep(j: Job) {
		void this.db?.put("outbox", bare(j));
	}

	/** Queues a command; resolves with its outcome, however long that takes. */
	add<C extends keyof Commands>(cmd: C, d: Commands[C]["d"], about?: string): Promise<Ok<Commands[C]["ok"]>> {
		if (this.jobs.length >= queueMax) return Promise.reject(offline());
		const q: Job = {
			cid: newID(),
			cmd,
			d: d as object,
			owner: this.owner,
			at: Date.now(),
			about,
		};
		return new Promise((resolve, reject) => {
			this.jobs.push(Object.assign(q, { resolve: resolve as Job["resolve"], reject }));
			this.keep(q);
			this.flush();
		});
	}

	/** Sends what may be sent now. */
	flush() {
		this.o.changed();
		if (!this.o.live() || this.loading) return;
		for (const j of this.jobs.slice(0, inFlightMax)) {
			if (j.sent) continue;
			j.sent = true;
			void this.try(j);
		}
	}

	private async try(j: Job) {
		try {
			const ok = await this.o.send(bare(j));
			this.done(j);
			j.resolve?.(ok);
		} catch (e) {
			const why = e instanceof Refused ? e : offline();
			if (why.refusal.retry) {
				j.sent = false;
				this.again(why.refusal.after_ms);
				return;
			}
			this.done(j);
			if (j.reject) j.reject(why);
			else this.o.refused(j, why);
		}
	}

	private done(j: Job) {
		this.jobs.splice(this.jobs.indexOf(j), 1);
		void this.db?.delete("outbox", j.cid);
		this.flush();
	}

	private again(afterMS: number) {
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.flush(), Math.max(200, afterMS));
		this.o.changed();
	}
}

/** A job without what only this page knows of it. */
const bare = ({ resolve: _r, reject: _j, sent: _s, ...q }: Job): Queued => q;

async function open() {
	const { openDB } = await import("idb"); // after the first screen
	return openDB<Schema>("brigata", 1, {
		upgrade(db) {
			db.createObjectStore("outbox", { keyPath: "cid" });
		},
	});
}
