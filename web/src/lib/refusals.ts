import { Refused } from "./frames";
import { dictionary } from "./i18n.svelte";

const t = dictionary({}, {});

/** What a refusal says to people: its code, its reason where that says more. */
export function why(e: unknown): string {
	if (!(e instanceof Refused)) return t("r.internal");
	const { code, fields } = e.refusal;
	for (const more of [fields.reason, fields.kind]) {
		const key = `r.${code}.${more}`;
		const said = t(key as never);
		if (more && said !== key) return said;
	}
	return t(`r.${code}` as never, { left: fields.left ?? 0 });
}
