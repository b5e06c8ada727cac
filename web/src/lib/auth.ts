// Who is logged in on this device, and how the next token is had.

import * as boot from "./boot";
import { offline, Refused } from "./frames";
import { newID } from "./id";
import type { Code, Fields, Role } from "./wire";

export interface Login {
	kind: "user" | "demo" | "guest" | "token";
	token: string;
	refresh?: string;
	/** When the token should be replaced, ms. */
	until: number;
	role?: Role;
	name?: string;
	/** Guests: the key of the table's code, their own id and the table. */
	key?: string;
	guest?: string;
	table?: string;
	store?: string;
	/** Whose commands wait on this device: the store and the user, as the server last named them. */
	owner?: string;
}

interface Grant {
	token: string;
	refresh?: string;
	ttl: number;
	guest?: string;
	table?: string;
	store?: string;
	user?: { id: string; name: string; roles: Role[] };
}

const early = 0.8;

/** One REST call; what the server refuses is thrown as Refused. */
export function rest<T>(
	path: string,
	o: { method?: string; body?: unknown; token?: string; headers?: Record<string, string> } = {},
): Promise<T> {
	return answered(
		fetch(path, {
			method: o.method ?? (o.body === undefined ? "GET" : "POST"),
			headers: {
				...(o.body === undefined ? {} : { "Content-Type": "application/json" }),
				...(o.token ? { Authorization: `Bearer ${o.token}` } : {}),
				...o.headers,
			},
			body: o.body === undefined ? undefined : JSON.stringify(o.body),
		}),
	);
}

async function answered<T>(asked: Promise<Response | undefined>): Promise<T> {
	const r = await asked.catch(() => undefined);
	if (!r) throw offline();
	if (!r.ok) throw await problem(r);
	if (r.status === 204) return undefined as T;
	return (await r.json()) as T;
}

async function problem(r: Response): Promise<Refused> {
	const p = (await r.json().catch(() => ({}))) as {
		code?: Code;
		detail?: string;
		fields?: Fields;
		retry?: boolean;
		after_ms?: number;
	};
	return new Refused({
		code: p.code ?? (r.status >= 500 ? "unavailable" : r.status === 404 ? "not_found" : "bad_request"),
		message: p.detail ?? r.statusText,
		fields: p.fields ?? {},
		retry: p.retry ?? r.status >= 500,
		after_ms: p.after_ms ?? 0,
	});
}

/**
 * Auth keeps one app's login in localStorage and renews its token: by its refresh
 * token, by asking the demo again, or by the table's key. Several tabs may share it.
 */
export class Auth {
	private key: string;
	private renewing?: Promise<string>;

	constructor(app: string) {
		this.key = `brigata.login.${app}`;
	}

	get login(): Login | undefined {
		try {
			return JSON.parse(localStorage.getItem(this.key) ?? "null") ?? undefined;
		} catch {
			return undefined;
		}
	}

	set login(l: Login | undefined) {
		if (l) localStorage.setItem(this.key, JSON.stringify(l));
		else localStorage.removeItem(this.key);
	}

	/** A token that holds for a while. */
	token = (): Promise<string> => {
		const l = this.login;
		if (!l) return Promise.reject(gone());
		if (Date.now() < l.until) return Promise.resolve(l.token);
		this.renewing ??= this.renew(l).finally(() => {
			this.renewing = undefined;
		});
		return this.renewing;
	};

	private async renew(l: Login): Promise<string> {
		if (l.kind === "demo") return this.demo(l.role!);
		if (l.kind === "token") throw gone();
		try {
			return this.grant(
				l.kind,
				await rest<Grant>("/v1/token/refresh", {
					body: { refresh: l.refresh },
				}),
				l,
			);
		} catch (e) {
			const now = this.login;
			if (now && now.refresh !== l.refresh && Date.now() < now.until) return now.token; // another tab was first
			if (l.kind === "guest" && l.key && e instanceof Refused && !e.refusal.retry) return this.guest(l.key);
			throw e;
		}
	}

	/** Logs a member of the staff in. */
	async user(user: string, password: string): Promise<string> {
		return this.grant("user", await rest<Grant>("/v1/login", { body: { user, password } }));
	}

	/** Logs in with one tap: demo data on this machine only. */
	async demo(role: Role): Promise<string> {
		return this.grant("demo", await rest<Grant>("/v1/demo/login", { body: { role } }), { role });
	}

	/** Exchanges the key of a table's code; the phone keeps a secret of its own, which its guest's id comes from. */
	async guest(key: string): Promise<string> {
		const guest = localStorage.getItem("brigata.phone") ?? newID();
		localStorage.setItem("brigata.phone", guest);
		const early = boot.take("granted", key);
		const g = early ? await answered<Grant>(early) : await rest<Grant>("/v1/guest", { body: { qr: key, guest } });
		return this.grant("guest", g, { key });
	}

	private grant(kind: Login["kind"], g: Grant, more: Partial<Login> = {}): string {
		const { key, role, name, table, store, guest, owner } = {
			...more,
		} as Partial<Login>;
		this.login = {
			kind,
			token: g.token,
			refresh: g.refresh,
			until: Date.now() + g.ttl * 1000 * early,
			role: g.user?.roles[0] ?? role,
			name: g.user?.name ?? name,
			key,
			guest: g.guest ?? guest,
			table: g.table ?? table,
			store: g.store ?? store,
			owner,
		};
		return g.token;
	}
}

const gone = () =>
	new Refused({
		code: "unauthenticated",
		message: "Log in",
		fields: { reason: "missing" },
		retry: false,
		after_ms: 0,
	});
