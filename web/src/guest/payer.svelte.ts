import { Refused } from "../lib/frames";
import { newID } from "../lib/id";
import { why } from "../lib/refusals";
import { tell } from "../lib/toast.svelte";
import type { BillPayment, Payment, PaymentCreate } from "../lib/wire";
import type { Visit } from "./guest.svelte";

const kept = "brigata.pay";
const keptMax = 20;
const isOpen = (p: BillPayment) => ["created", "pending", "unknown"].includes(p.state);

interface Attempt {
	id: string;
	d: PaymentCreate;
}

/** One of this phone's payments: how it stands on the bill, and what its payer has to do. */
export interface Mine extends BillPayment {
	action?: Payment["action"];
	expires_at?: Payment["expires_at"];
}

/**
 * Payer is how one phone pays. It keeps the id and the body of what it asked for, so that
 * neither a second tap nor a reload asks for it as something new: the bill says what
 * became of it, and the same id brings back what is to be scanned.
 */
export class Payer {
	busy = $state(false);
	private visit: Visit;
	private attempts = $state.raw<Attempt[]>([]);
	private answers = $state.raw<ReadonlyMap<string, Payment>>(new Map());
	private unanswered?: Attempt;
	private asking = new Set<string>();

	constructor(visit: Visit) {
		this.visit = visit;
		try {
			const had = JSON.parse(localStorage.getItem(kept) ?? "null") as { session: string; attempts: Attempt[] } | null;
			if (had?.session === visit.table?.session) this.attempts = had?.attempts ?? [];
		} catch {
			// what cannot be read was never paid by this phone
		}
	}

	/** This phone's payments, the newest first. */
	mine = $derived.by((): Mine[] => {
		const ids = new Set(this.attempts.map((a) => a.id));
		return (this.visit.bill?.payments ?? [])
			.filter((p) => ids.has(p.id))
			.map((p) => ({ ...p, action: this.answers.get(p.id)?.action, expires_at: this.answers.get(p.id)?.expires_at }))
			.reverse();
	});
	open = $derived(this.mine.filter(isOpen));
	/** What of the bill this phone has paid or is paying. */
	sum = $derived(this.mine.filter((p) => isOpen(p) || p.state === "succeeded").reduce((n, p) => n + p.amount - p.refunded, 0));

	/** Asks for the actions of open payments that an earlier page made. */
	resume() {
		if (!this.visit.client.live) return;
		for (const p of this.open) {
			const a = this.attempts.find((x) => x.id === p.id);
			if (!a || p.state === "unknown" || this.answers.has(p.id) || this.asking.has(p.id)) continue;
			this.asking.add(p.id);
			void this.ask(a)
				.catch(() => undefined) // it stands on the bill whether it can be asked for now or not
				.finally(() => this.asking.delete(p.id));
		}
	}

	async pay(d: PaymentCreate) {
		const same = this.unanswered && JSON.stringify(this.unanswered.d) === JSON.stringify(d);
		const a = same ? this.unanswered! : { id: newID(), d };
		this.unanswered = a;
		this.attempts = [...this.attempts.filter((x) => x.id !== a.id), a].slice(-keptMax);
		localStorage.setItem(kept, JSON.stringify({ session: this.visit.table?.session, attempts: this.attempts }));
		this.busy = true;
		try {
			await this.ask(a);
			this.unanswered = undefined;
		} catch (e) {
			if (e instanceof Refused && !e.refusal.retry) this.unanswered = undefined;
			tell(why(e), "bad");
		} finally {
			this.busy = false;
		}
	}

	async cancel(id: string) {
		try {
			await this.visit.client.at("payment.cancel", { payment: id });
		} catch (e) {
			tell(why(e), "bad");
		}
	}

	private async ask(a: Attempt) {
		const ok = await this.visit.client.at("payment.create", a.d, a.id);
		this.answers = new Map(this.answers).set(a.id, ok.d);
	}
}
