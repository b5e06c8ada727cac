let last = 0;
let count = 0;

/** A UUIDv7: time-ordered, and unique also within one millisecond of one client. */
export function newID(now = Date.now()): string {
	if (now <= last) {
		now = last;
		count++;
	} else {
		last = now;
		count = crypto.getRandomValues(new Uint16Array(1))[0]! & 0x7ff;
	}
	if (count > 0xfff) {
		last = ++now;
		count = 0;
	}
	const random = crypto.getRandomValues(new Uint8Array(8));
	random[0] = (random[0]! & 0x3f) | 0x80;
	const tail = Array.from(random, (b) => b.toString(16).padStart(2, "0")).join("");
	const time = now.toString(16).padStart(12, "0");
	return `${time.slice(0, 8)}-${time.slice(8)}-7${count.toString(16).padStart(3, "0")}-${tail.slice(0, 4)}-${tail.slice(4)}`;
}
