import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Refused } from "../../src/lib/frames";
import { Socket } from "../../src/lib/socket";
import { FakeSocket, session } from "./fake";

let socket: Socket;
beforeEach(() => {
	vi.useFakeTimers({ now: Date.parse("2026-11-25T01:00:00.000Z") });
	FakeSocket.all = [];
	socket = new Socket({
		token: async () => "token",
		url: "ws://x",
		client: "c",
		changed: () => {},
		open: () => new FakeSocket() as never,
		random: () => 1,
	});
});
afterEach(() => {
	socket.stop();
	vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(0);
async function connect() {
	socket.start();
	await settle();
	await enter();
}
async function enter() {
	FakeSocket.last.open();
	FakeSocket.last.ok(session);
	await settle();
	if (socket.topics.size)
		FakeSocket.last.ok({
			subs: [...socket.topics.keys()].map((t) => ({
				t,
				e: "e",
				s: 4,
				mode: "snap",
				d: [],
			})),
		});
	await settle();
}

test("logs in first, then subscribes, and knows the server's clock", async () => {
	socket.topic("floor", () => {});
	await connect();
	expect(FakeSocket.last.messages.map((m) => Object.keys(m)[1])).toEqual(["auth", "sub"]);
	expect(FakeSocket.last.messages[0].auth.token).toBe("token");
	expect(socket.status).toBe("live");
	expect(Math.round(socket.offset / 60_000)).toBe(60);
});

test("answers a ping, and reads several messages in one frame", async () => {
	const t = socket.topic<string>("floor", () => {});
	await connect();
	FakeSocket.last.say({}, { t: "floor", k: "a", s: 5, v: 1, d: "A" }, { t: "floor", k: "b", s: 6, v: 1, d: "B" });
	expect(FakeSocket.last.sent.at(-1)).toBe("{}");
	expect([...t.entries.keys()]).toEqual(["a", "b"]);
});

test("comes back after a cut with growing, jittered waits, and resumes from what it holds", async () => {
	socket.topic("floor", () => {});
	await connect();
	FakeSocket.last.say({ t: "floor", k: "a", s: 9, v: 1, d: "A" });
	FakeSocket.last.cut();
	expect(socket.status).toBe("offline");
	await vi.advanceTimersByTimeAsync(499);
	expect(FakeSocket.all.length).toBe(1);
	await vi.advanceTimersByTimeAsync(1);
	expect(FakeSocket.all.length).toBe(2);
	FakeSocket.last.cut();
	await vi.advanceTimersByTimeAsync(999);
	expect(FakeSocket.all.length).toBe(2);
	await vi.advanceTimersByTimeAsync(1);
	await enter();
	expect(FakeSocket.last.messages[1].sub).toEqual([{ t: "floor", e: "e", s: 9 }]);
	expect(socket.status).toBe("live");
});

test("notices silence before two pings have passed: it probes, then says offline", async () => {
	await connect();
	await vi.advanceTimersByTimeAsync(14_000);
	expect(FakeSocket.last.sent.at(-1)).toBe("{}");
	expect(socket.status).toBe("live");
	await vi.advanceTimersByTimeAsync(25_000);
	expect(socket.status).toBe("offline");
	expect(Date.now() - Date.parse("2026-11-25T01:00:00.000Z")).toBeLessThan(2 * session.ping * 1000);
});

test("what waits for its answer is rejected at a cut, to be repeated", async () => {
	await connect();
	const asked = socket.command("item.bump", "cid", {}).catch((e) => e);
	FakeSocket.last.cut();
	const e = await asked;
	expect(e).toBeInstanceOf(Refused);
	expect(e.refusal).toMatchObject({ code: "offline", retry: true });
});

test("a refusal says why; a close of 45xx is for good", async () => {
	await connect();
	const asked = socket.command("order.place", "cid", {}).catch((e) => e);
	FakeSocket.last.say({
		id: FakeSocket.last.messages.at(-1).id,
		err: {
			code: "sold_out",
			message: "m",
			fields: { left: 1 },
			retry: false,
			after_ms: 0,
		},
	});
	expect((await asked).refusal.fields.left).toBe(1);
	FakeSocket.last.cut(4503);
	await vi.advanceTimersByTimeAsync(60_000);
	expect(socket.status).toBe("ended");
	expect(FakeSocket.all.length).toBe(1);
});
