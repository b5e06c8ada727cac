/** A webhook as the node describes it (docs/webhooks.md). */
export interface Webhook {
	id: string;
	url: string;
	events: string[];
	state: "active" | "disabled";
	reason?: string;
	waiting: number;
	late: number;
	dead: number;
	failing_at?: string;
	delivered_at?: string;
	error?: string;
	created_by: string;
	secret?: string;
}

export interface DeadLetter {
	id: string;
	type: string;
	order: string;
	seq: number;
	at: string;
	tries: number;
	error: string;
	dead_at: string;
}
