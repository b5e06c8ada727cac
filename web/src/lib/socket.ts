import type { Answer, Ok, Push, SubResult } from "./frames";
import { offline, Refused } from "./frames";
import { Topic } from "./topic";
import type { Session } from "./wire";

export type Status = "connecting" | "live" | "offline" | "ended";

export interface SocketOptions {
	/** A token that holds; it may be fetched. Rejects when none can be had. */
	token: () => Promise<string>;
	url: string;
	client: string;
	/** Told of every change of status, of the session and of the clock. */
	changed: () => void;
	open?: (url: string, protocol: string) => WebSocket;
	random?: () => number;
}

interface Waiting {
	resolve: (ok: never) => void;
	reject: (e: Error) => void;
}

const protocol = "brigata.v1.json";
const firstRetry = 500;
const lastRetry = 15_000;
/** How long an answer may take before the command's outcome counts as unknown, ms. */
const answerWithin = 12_000;

/**
 * Socket keeps one connection to the gateway alive: it authenticates, subscribes,
 * resumes every topic from where it was after a cut, answers pings, and notices silence
 * before two ping intervals have passed. It decides nothing about commands: what is cut
 * while it waits for its answer is rejected, and whoever sent it repeats it with its id.
 */
export class Socket {
	status: Status = "connecting";
	session?: Session;
	/** Server clock minus ours, ms. */
	offset = 0;
	/** When the server was last heard, on our clock, ms; 0: never. */
	heard = 0;
	/** Why the server ended the connection for good: a close code of 45xx. */
	ended = 0;
	readonly topics = new Map<string, Topic>();

	private o: SocketOptions;
	private ws?: WebSocket;
	private nextID = 1;
	private waiting = new Map<number, Waiting>();
	private tries = 0;
	private retry?: ReturnType<typeof setTimeout>;
	private watch?: ReturnType<typeof setInterval>;
	private probed = 0;
	private refreshAt = 0;
	private stopped = false;

	constructor(o: SocketOptions) {
		this.o = o;
	}

	start() {
		this.stopped = false;
		this.watch = setInterval(() => this.look(), 1000);
		addEventListener("online", this.online);
		addEventListener("offline", this.lost);
		void this.dial();
	}

	stop() {
		this.stopped = true;
		clearInterval(this.watch);
		clearTimeout(this.retry);
		removeEventListener("online", this.online);
		removeEventListener("offline", this.lost);
		this.drop();
	}

	get live() {
		return this.status === "live";
	}

	/** The server's clock, ms. */
	now() {
		return Date.now() + this.offset;
	}

	topic<T>(name: string, changed: (t: Topic<T>) => void): Topic<T> {
		let t = this.topics.get(name) as Topic<T> | undefined;
		if (!t) {
			t = new Topic<T>(name, () => changed(t!));
			this.topics.set(name, t as Topic);
			if (this.session && this.ws?.readyState === 1) void this.subscribe([t as Topic]);
		}
		return t;
	}

	leave(name: string) {
		if (this.topics.delete(name) && this.live) void this.ask({ unsub: [name] }).catch(() => {});
	}

	/** Sends one command and waits for its answer; rejects with Refused. */
	command<T>(cmd: string, cid: string, d: object, more: { dry?: boolean } = {}): Promise<Ok<T>> {
		const store = this.session?.stores && this.session.stores.length > 1 ? { store: this.session.stores[0] } : {};
		return this.ask({
			cmd,
			...(more.dry ? { dry: true } : { cid }),
			...store,
			d,
		}) as Promise<Ok<T>>;
	}

	private ask(m: object): Promise<unknown> {
		if (!this.session || this.ws?.readyState !== 1) return Promise.reject(offline());
		return this.request(m);
	}

	private request(m: object): Promise<unknown> {
		const id = this.nextID++;
		return new Promise((resolve, reject) => {
			const late = setTimeout(() => {
				if (this.waiting.delete(id)) reject(offline());
			}, answerWithin);
			this.waiting.set(id, {
				resolve: (x) => (clearTimeout(late), resolve(x)),
				reject: (e) => (clearTimeout(late), reject(e)),
			});
			this.ws!.send(JSON.stringify({ id, ...m }));
		});
	}

	private async dial() {
		clearTimeout(this.retry);
		let token: string;
		try {
			token = await this.o.token();
		} catch (e) {
			if (e instanceof Refused && !e.refusal.retry) this.end(4500);
			else this.later();
			return;
		}
		if (this.stopped || this.ws) return;
		const ws = (this.o.open ?? ((u, p) => new WebSocket(u, p)))(this.o.url, protocol);
		this.ws = ws;
		ws.onopen = () => void this.hello(ws, token);
		ws.onmessage = (e) => ws === this.ws && this.frame(String(e.data));
		ws.onclose = (e) => ws === this.ws && this.closed(e.code);
	}

	private async hello(ws: WebSocket, token: string) {
		const sent = Date.now();
		this.heard = sent;
		try {
			const s = (await this.request({
				auth: { token, client: this.o.client, version: "1" },
			})) as Session;
			if (ws !== this.ws) return;
			const trip = Date.now() - sent;
			this.offset = Date.parse(s.now) + trip / 2 - Date.now();
			this.session = s;
			this.refreshAt = Date.now() + s.ttl * 800;
			await this.subscribe([...this.topics.values()]);
			this.tries = 0;
			this.set("live");
		} catch {
			if (ws === this.ws) ws.close();
		}
	}

	private async subscribe(topics: Topic[]) {
		if (!topics.length) return;
		const { subs } = (await this.request({
			sub: topics.map((t) => this.named(t.ask())),
		})) as { subs: SubResult[] };
		for (const [i, r] of subs.entries()) topics[i]!.subscribed(r);
	}

	/** Tokens for several stores name the store in the topic. */
	private named<A extends { t: string }>(ask: A): A {
		return { ...ask, t: this.prefix() + ask.t };
	}

	private prefix() {
		const s = this.session?.stores;
		return s && s.length > 1 ? `${s[0]}/` : "";
	}

	private frame(text: string) {
		this.heard = Date.now();
		this.probed = 0;
		for (const line of text.split("\n")) {
			if (line === "{}") this.ws?.send("{}");
			else if (line) this.message(JSON.parse(line));
		}
	}

	private message(m: Answer & Partial<Push>) {
		if (m.id !== undefined) {
			const w = this.waiting.get(m.id);
			this.waiting.delete(m.id);
			if (m.err) w?.reject(new Refused(m.err));
			else w?.resolve(m.ok as never);
		} else if (m.t) {
			const name = m.t.slice(this.prefix().length);
			if (m.end) this.topicEnded(name, m.end);
			else this.topics.get(name)?.pushed(m as Push);
		} else if (m.bye) this.tries = 0;
	}

	/** A guest's table was cleared, or the party sits elsewhere now. */
	onEnd?: (topic: string, end: { code: string; table?: string }) => void;

	private topicEnded(name: string, end: { code: string; table?: string }) {
		this.topics.delete(name);
		this.onEnd?.(name, end);
	}

	private closed(code: number) {
		this.drop();
		if (code >= 4500 && code < 5000) this.end(code);
		else this.later();
	}

	private drop() {
		const ws = this.ws;
		this.ws = undefined;
		ws?.close();
		for (const w of this.waiting.values()) w.reject(offline());
		this.waiting.clear();
	}

	private end(code: number) {
		this.ended = code;
		this.set("ended");
	}

	private later() {
		if (this.stopped) return;
		this.set("offline");
		const wait = Math.min(lastRetry, firstRetry * 2 ** this.tries++);
		const jitter = 0.5 + (this.o.random ?? Math.random)() / 2;
		clearTimeout(this.retry);
		this.retry = setTimeout(() => void this.dial(), wait * jitter);
	}

	private online = () => {
		this.tries = 0;
		if (!this.ws && this.status === "offline") void this.dial();
	};

	private lost = () => {
		this.drop();
		this.later();
	};

	/** Each second: is the server still there, and does the token still hold? */
	private look() {
		this.o.changed(); // ages tick
		if (!this.ws || !this.session || !this.live) return;
		const ping = this.session.ping * 1000;
		const quiet = Date.now() - this.heard;
		if (quiet > 1.5 * ping) {
			this.lost();
		} else if (quiet > ping / 2 && !this.probed) {
			this.probed = Date.now();
			this.ws.send("{}");
		}
		if (Date.now() > this.refreshAt) {
			this.refreshAt = Date.now() + 60_000;
			void this.refresh();
		}
	}

	private async refresh() {
		try {
			const token = await this.o.token();
			const s = (await this.ask({
				auth: { token, client: this.o.client, version: "1" },
			})) as Session;
			this.session = { ...this.session!, ...s };
			this.refreshAt = Date.now() + s.ttl * 800;
		} catch {
			// The old token holds a little longer; the server closes 4005 when it does not.
		}
	}

	private set(s: Status) {
		this.status = s;
		this.o.changed();
	}
}
