// A gateway that the tests speak for: one fake socket per connection.
export class FakeSocket {
	static all: FakeSocket[] = [];
	readyState = 0;
	sent: string[] = [];
	onopen?: () => void;
	onmessage?: (e: { data: string }) => void;
	onclose?: (e: { code: number }) => void;

	constructor() {
		FakeSocket.all.push(this);
	}
	static get last() {
		return FakeSocket.all.at(-1)!;
	}
	open() {
		this.readyState = 1;
		this.onopen?.();
	}
	send(text: string) {
		this.sent.push(text);
	}
	close() {
		this.readyState = 3;
	}
	cut(code = 1006) {
		this.readyState = 3;
		this.onclose?.({ code });
	}
	say(...messages: object[]) {
		this.onmessage?.({
			data: messages.map((m) => JSON.stringify(m)).join("\n"),
		});
	}
	get messages() {
		return this.sent.filter((x) => x !== "{}").map((x) => JSON.parse(x));
	}
	/** Answers the last message. */
	ok(ok: object) {
		this.say({ id: this.messages.at(-1).id, ok });
	}
}

export const session = {
	session: "x",
	user: "chen",
	store: "demo",
	roles: ["kitchen"],
	ttl: 900,
	ping: 25,
	now: "2026-11-25T02:00:00.000Z",
	limits: {},
};
