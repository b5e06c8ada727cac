// What stands beside a node in a restaurant: a printer, and the box that the sensors talk to.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { freePort, program } from "./node.mjs";

/** A printer's stand-in: what was cut off it. It may be out of paper. */
export class Paper {
	slips = [];
	out = false;

	static async open() {
		const p = new Paper();
		p.sockets = new Set();
		p.server = createServer((c) => p.serve(c));
		await new Promise((resolve) => p.server.listen(0, "127.0.0.1", resolve));
		p.address = `127.0.0.1:${p.server.address().port}`;
		return p;
	}

	serve(c) {
		this.sockets.add(c);
		c.on("error", () => {});
		c.on("close", () => this.sockets.delete(c));
		let got = Buffer.alloc(0);
		c.on("data", (b) => {
			got = Buffer.concat([got, b]);
			const asked = got.indexOf(Buffer.from([0x10, 4, 4])); // is there paper?
			if (asked >= 0) {
				got = Buffer.concat([got.subarray(0, asked), got.subarray(asked + 3)]);
				c.write(Buffer.from([this.out ? 0x72 : 0x12]));
			}
			const end = got.indexOf(Buffer.from([0x1d, 0x28, 0x48, 6, 0, 48, 48])); // say when it is out
			if (end < 0 || got.length < end + 11) return;
			this.slips.push(new TextDecoder("gb18030").decode(got.subarray(0, end)));
			c.end(Buffer.concat([Buffer.from([0x37, 0x22]), got.subarray(end + 7, end + 11), Buffer.from([0])]));
		});
	}

	/** Makes it the printer p-wok of the demo store's wok. */
	async at(node) {
		const store = await node.rest("/v1/stores/demo", { role: "admin" });
		store.printers = [{ id: "p-wok", address: this.address, paper_mm: 80, encoding: "gb18030" }];
		store.stations.find((x) => x.id === "wok").printer = "p-wok";
		await node.rest("/v1/stores/demo", { role: "admin", method: "PUT", body: store });
	}

	async close() {
		for (const c of this.sockets) c.destroy();
		await new Promise((resolve) => this.server.close(resolve));
	}
}

/** A stage's settings for a node that boxes may link to, at hub, and that has a printer: both are in what is returned. */
export function beside(settings = {}) {
	const at = {};
	after(() => at.paper?.close());
	at.settings = {
		lively: false,
		...settings,
		args: async () => {
			at.hub = `127.0.0.1:${await freePort()}`;
			return ["--edge-listen", at.hub];
		},
		prepare: async (stage) => {
			at.paper = await Paper.open();
			await at.paper.at(stage.node);
			await settings.prepare?.(stage);
		},
	};
	return at;
}

const devices = [
	{
		user: "kitchen",
		password: "a-long-secret",
		sensors: ["walkin-1", "walkin-1-door", "walkin-1-power", "walkin-1-vibration", "fridge-1", "freezer-1", "pass-1"],
	},
];

/** The box of the demo store, linked to a node that was started with hub. */
export class Box {
	static async open(node, hub) {
		const b = new Box();
		b.dir = mkdtempSync(join(tmpdir(), "brigata-box-"));
		const at = (name) => join(b.dir, name);
		execFileSync(program, ["edge-token", "--data", node.data, "--hub", hub, "--out", at("box.json")]);
		writeFileSync(at("devices.json"), JSON.stringify(devices), { mode: 0o600 });
		b.mqtt = `127.0.0.1:${await freePort()}`;
		b.http = `127.0.0.1:${await freePort()}`;
		const files = ["--credentials", at("box.json"), "--devices", at("devices.json"), "--data", at("data")];
		b.process = spawn(program, ["edge", "--store", "demo", ...files, "--mqtt", b.mqtt, "--http", b.http, "--believe"], { stdio: "ignore" });
		b.ended = new Promise((resolve) => b.process.once("exit", resolve));
		const until = Date.now() + 30_000;
		const status = () => fetch(`http://${b.http}/status`).then((r) => r.json());
		while (!(await status().catch(() => ({}))).sensors) {
			if (Date.now() > until || b.process.exitCode !== null) throw new Error("the box did not start");
			await new Promise((r) => setTimeout(r, 50));
		}
		return b;
	}

	/** A walk-in cooler that loses its refrigerant: six hours of it. */
	fail() {
		this.play("--for", "6h", "--failure", "refrigerant", "--fail-after", "30m");
	}

	/** Plays the sensors as fast as the box takes them. */
	play(...args) {
		const as = ["--broker", `tcp://${this.mqtt}`, "--user", "kitchen", "--password", "a-long-secret"];
		execFileSync(program, ["sensors", "simulate", ...as, "--every", "60s", "--speed", "0", ...args], { stdio: "ignore" });
	}

	/** Shows the camera over the pass a picture, with a frame of heat where it is so warm. */
	async see(picture, celsius) {
		const post = async (path, type, body) => {
			const r = await fetch(`http://${this.http}${path}`, {
				method: "POST",
				headers: { Authorization: `Basic ${btoa("kitchen:a-long-secret")}`, "Content-Type": type },
				body,
			});
			if (!r.ok) throw new Error(`${path}: ${r.status} ${await r.text()}`);
			return r.text();
		};
		if (celsius !== undefined) {
			this.frames = (this.frames ?? 0) + 1;
			const frame = JSON.stringify({ boot: 1, seq: this.frames, frame: Array(64).fill(celsius) });
			await post("/v1/readings/pass-1", "application/json", frame);
		}
		return JSON.parse(await post("/v1/pass/pass-1", "image/jpeg", picture));
	}

	async close() {
		this.process.kill("SIGKILL");
		await this.ended;
		rmSync(this.dir, { recursive: true, force: true });
	}
}
