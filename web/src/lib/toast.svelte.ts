/** One short message at a time; an undo may come with it. */
export interface Toast {
	text: string;
	kind: "ok" | "bad";
	undo?: () => void;
}

export const toast = $state<{ now: Toast | undefined }>({ now: undefined });
let timer: ReturnType<typeof setTimeout> | undefined;

export function tell(text: string, kind: Toast["kind"] = "ok", undo?: () => void) {
	clearTimeout(timer);
	toast.now = { text, kind, undo };
	timer = setTimeout(hush, kind === "bad" || undo ? 8000 : 5000);
}

/** Keeps the message: somebody is about to use it. */
export const hold = () => clearTimeout(timer);

export function hush() {
	clearTimeout(timer);
	toast.now = undefined;
}
