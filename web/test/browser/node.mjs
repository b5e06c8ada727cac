// Starts real nodes and a real Chromium for the browser tests, and ends them.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../../..", import.meta.url));
export const program = process.env.BRIGATA ?? join(root, "bin/brigata");

export const freePort = () =>
	new Promise((resolve) => {
		const s = createServer().listen(0, "127.0.0.1", () => {
			const { port } = s.address();
			s.close(() => resolve(port));
		});
	});

/** One server process over a folder of its own; kill() and start() again is a crash. */
export class Node {
	static async make({ args = [] } = {}) {
		const n = new Node();
		n.args = args;
		n.data = mkdtempSync(join(tmpdir(), "brigata-web-"));
		n.port = await freePort();
		n.url = `http://127.0.0.1:${n.port}`;
		await n.start();
		return n;
	}

	async start() {
		this.process = spawn(program, ["serve", "--listen", `127.0.0.1:${this.port}`, "--data", this.data, ...this.args], {
			stdio: ["ignore", "pipe", "pipe"],
		});
		this.output = "";
		this.ended = new Promise((resolve) => this.process.once("exit", resolve));
		for (const s of [this.process.stdout, this.process.stderr]) s.on("data", (b) => (this.output = (this.output + b).slice(-8000)));
		const until = Date.now() + 20_000;
		while (
			!(await fetch(`${this.url}/readyz`).then(
				(r) => r.ok,
				() => false,
			))
		) {
			if (Date.now() > until || this.process.exitCode !== null) throw new Error(`the node did not start:\n${this.output}`);
			await new Promise((r) => setTimeout(r, 50));
		}
	}

	async kill(signal = "SIGKILL") {
		this.process.kill(signal);
		await this.ended;
	}

	async stop() {
		await this.kill();
		rmSync(this.data, { recursive: true, force: true });
	}

	/** A token of one of the demo log-ins. */
	async token(role) {
		this.tokens ??= {};
		return (this.tokens[role] ??= (
			await (
				await fetch(`${this.url}/v1/demo/login`, {
					method: "POST",
					headers: { "Content-Type": "application/json" },
					body: JSON.stringify({ role }),
				})
			).json()
		).token);
	}

	async rest(path, { role = "manager", method = "GET", body, headers = {} } = {}) {
		const r = await fetch(this.url + path, {
			method,
			headers: { Authorization: `Bearer ${await this.token(role)}`, "Content-Type": "application/json", ...headers },
			body: body && JSON.stringify(body),
		});
		const text = await r.text();
		if (!r.ok) throw new Error(`${method} ${path}: ${r.status} ${text}`);
		return r.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text;
	}

	/** Gives a command and returns what it answers. */
	async do(cmd, d, role = "manager", cid = uuid7()) {
		const ok = await this.rest("/v1/stores/demo/commands", { role, method: "POST", body: { cmd, d }, headers: { "Idempotency-Key": cid } });
		return ok.d ?? ok;
	}
}

/** The payment providers' stand-ins, in a process of their own. */
export class Bank {
	static async open() {
		const b = new Bank();
		b.dir = mkdtempSync(join(tmpdir(), "brigata-bank-"));
		b.file = join(b.dir, "payments.json");
		b.process = spawn("go", ["run", "./gateway/payments/fake/bank", b.file], { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
		b.lines = createInterface({ input: b.process.stdout })[Symbol.asyncIterator]();
		b.ended = new Promise((resolve) => b.process.once("exit", resolve));
		await b.lines.next();
		return b;
	}

	async ask(what) {
		this.process.stdin.write(`${JSON.stringify(what)}\n`);
		return (await this.lines.next()).value;
	}

	async close() {
		this.process.stdin.end();
		await this.ended;
		rmSync(this.dir, { recursive: true, force: true });
	}
}

export function uuid7() {
	const h = Date.now().toString(16).padStart(12, "0");
	return `${h.slice(0, 8)}-${h.slice(8)}-7${crypto.randomUUID().slice(15)}`;
}

export const launch = () =>
	chromium.launch({
		executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
		args: [
			"--no-sandbox",
			"--disable-gpu",
			"--disable-quic",
			"--no-first-run",
			"--disable-background-networking",
			"--disable-component-update",
			"--disable-sync",
		],
	});

export const sizes = { phone: [390, 844], tablet: [1024, 768], laptop: [1366, 768], wall: [1920, 1080] };

/** A browser context with an app's demo log-in in it already. */
export async function context(browser, node, { role, app, size = sizes.laptop, lang = "en", ...more } = {}) {
	const [width, height] = size;
	const c = await browser.newContext({ viewport: { width, height }, locale: lang === "zh" ? "zh-CN" : "en-GB", ...more });
	const login = role && { kind: "demo", role, token: await node.token(role), until: Date.now() + 600_000, store: "demo" };
	await c.addInitScript(
		([app, login, lang]) => {
			if (app && login && !localStorage.getItem(`brigata.login.${app}`))
				localStorage.setItem(`brigata.login.${app}`, JSON.stringify(login));
			if (!localStorage.getItem("brigata.lang")) localStorage.setItem("brigata.lang", lang);
		},
		[app, login, lang],
	);
	return c;
}
