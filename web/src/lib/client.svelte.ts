import type { Auth } from "./auth";
import type { Refused } from "./frames";
import { newID } from "./id";
import { Outbox, type Queued } from "./outbox";
import { Socket, type Status } from "./socket";
import type { Held, Topic } from "./topic";
import type { Code, Commands, Session } from "./wire";

/** How long changes from elsewhere are gathered before they are shown, ms. */
const gather = 100;

/** One topic as a component reads it. Its map is replaced, never changed. */
export class View<T> {
	entries = $state.raw<ReadonlyMap<string, Held<T>>>(new Map());
	loaded = $state(false);
	/** Why the server does not show this topic. */
	refused = $state<Code>();
	private timer?: ReturnType<typeof setTimeout>;

	show = (t: Topic<T>) => {
		if (!this.loaded) this.take(t);
		else this.timer ??= setTimeout(() => this.take(t), gather);
	};

	private take(t: Topic<T>) {
		this.timer = undefined;
		this.entries = new Map(t.entries);
		this.loaded = t.loaded;
		this.refused = t.refused;
	}

	get(k: string): T | undefined {
		return this.entries.get(k)?.d;
	}

	get all(): T[] {
		return Array.from(this.entries.values(), (h) => h.d);
	}
}

/**
 * Client is an app's one connection as its components see it: status, clock, topics,
 * commands. Commands wait in the outbox while there is no connection; those sent with
 * now() do not, and are for money.
 */
export class Client {
	status = $state<Status>("connecting");
	session = $state.raw<Session>();
	/** The server's clock, ms; it ticks each second. */
	now = $state(Date.now());
	/** When the server was last heard, ms by our clock; 0: not yet. */
	heard = $state(0);
	queued = $state(0);
	ended = $state(0);
	/** Refusals of commands that an earlier page gave. */
	late = $state.raw<{ q: Queued; why: Refused }[]>([]);

	readonly auth: Auth;
	readonly socket: Socket;
	readonly outbox: Outbox;
	private views = new Map<string, View<unknown>>();
	private wasLive = false;

	constructor(auth: Auth, app: string) {
		this.auth = auth;
		this.socket = new Socket({
			token: auth.token,
			url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/ws`,
			client: `${app}-${tabID()}`,
			changed: () => this.changed(),
		});
		this.outbox = new Outbox({
			send: (q) => this.socket.command(q.cmd, q.cid, q.d),
			live: () => this.socket.live,
			changed: () => {
				this.queued = this.outbox?.size ?? 0;
			},
			refused: (q, why) => {
				this.late = [...this.late, { q, why }];
			},
		});
	}

	start() {
		this.socket.start();
	}

	stop() {
		this.socket.stop();
	}

	get live() {
		return this.status === "live";
	}

	/** What is known is this old, ms; 0 while the connection stands. */
	get age() {
		return this.live || !this.heard ? 0 : Math.max(0, this.now - this.socket.offset - this.heard);
	}

	topic<T>(name: string): View<T> {
		let v = this.views.get(name) as View<T> | undefined;
		if (!v) {
			v = new View<T>();
			this.views.set(name, v as View<unknown>);
			this.socket.topic<T>(name, v.show);
		}
		return v;
	}

	leave(name: string) {
		this.views.delete(name);
		this.socket.leave(name);
	}

	/** Gives a command; while there is no connection it waits, on this device, and is sent later. */
	do<C extends keyof Commands>(cmd: C, d: Commands[C]["d"], about?: string) {
		return this.outbox.add(cmd, d, about);
	}

	/** Gives a command that must not wait; the same cid repeats it. */
	at<C extends keyof Commands>(cmd: C, d: Commands[C]["d"], cid = newID()) {
		return this.socket.command<Commands[C]["ok"]>(cmd, cid, d as object);
	}

	/** Asks what a command would do. */
	dry<C extends keyof Commands>(cmd: C, d: Commands[C]["d"]) {
		return this.socket.command<Commands[C]["ok"]>(cmd, "", d as object, {
			dry: true,
		});
	}

	private changed() {
		const s = this.socket;
		this.now = s.now();
		this.heard = s.heard;
		if (this.status !== s.status) this.status = s.status;
		this.ended = s.ended;
		if (this.session !== s.session) this.session = s.session;
		if (s.live && !this.wasLive) {
			this.queued = this.outbox.size;
			this.owned(`${s.session!.store ?? ""}/${s.session!.user}`);
		} else if (s.status === "offline" && !s.session) this.owned();
		this.wasLive = s.live;
	}

	/** Takes up the commands of who is logged in; a page that opens without a network goes by who it was. */
	private owned(owner?: string) {
		const { login } = this.auth;
		if (login && owner && login.owner !== owner) this.auth.login = { ...login, owner };
		const whose = owner ?? login?.owner;
		if (whose) void this.outbox.load(whose);
	}
}

/** The tab's own name: a second tab of the same app must not push the first out. */
function tabID() {
	let id = sessionStorage.getItem("brigata.tab");
	if (!id) sessionStorage.setItem("brigata.tab", (id = newID().slice(-12)));
	return id;
}
