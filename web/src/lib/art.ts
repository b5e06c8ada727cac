// Pictures of dishes that have no photo: a plate, bowl or glass seen from above, drawn
// from the dish's id, so that the same dish always looks the same.

export interface Art {
	kind: "plate" | "bowl" | "glass" | "skewer";
	cloth: [string, string];
	base: string;
	bits: { x: number; y: number; r: number; s: number; a: number; c: string }[];
	leaves: { x: number; y: number; a: number; c: string }[];
}

const palettes: [RegExp, Art["kind"], string, string[]][] = [
	[/(^|-)(tea|juice|cola|soda|milk|water|wine|baijiu|drink)$|tsingtao/, "glass", "#d9892b", ["#ffffff66", "#ffffff99", "#f6c667"]],
	[/skewer|squid|wings|corn|oyster|grilled/, "skewer", "#f4efe6", ["#8a4b22", "#a65a28", "#6f3a1a", "#c8792f"]],
	[
		/soup|pot|congee|wonton|tangyuan|boiled|maoxuewang|pickled-cabbage|stew|brisket/,
		"bowl",
		"#d65a2a",
		["#f7e3b0", "#b93d0a", "#8c2f0c", "#f2c46b", "#fff3d6"],
	],
	[/noodle|dan-dan|ramen|glass/, "bowl", "#e0a24a", ["#f6d98a", "#f2cd70", "#9a4a1c", "#c8662a"]],
	[/rice|bun|dumpling|pancake|cake|roll|tart|sesame/, "plate", "#fbf7ef", ["#f5e6c4", "#eed59c", "#e3b766", "#d99a45", "#fff8e8"]],
	[
		/greens|cabbage|spinach|beans|cucumber|broccoli|pepper|melon|lettuce|salad|kale|mushroom|wood-ear|lotus/,
		"plate",
		"#fbf7ef",
		["#4d8b3a", "#6aa84f", "#86b95b", "#2f6b2b", "#b8d98a"],
	],
	[/fish|bass|prawn|crab|clam|scallop|eel|crayfish|frog/, "plate", "#fbf7ef", ["#f0b39a", "#e88b6a", "#d9622f", "#f7d9c8", "#c94a22"]],
	[/tofu|egg|chestnut|potato|aubergine/, "plate", "#fbf7ef", ["#f7ead0", "#f2d9a0", "#c9531e", "#a83a12", "#efe0bd"]],
	[/fruit|pudding|mango|red-bean|ice/, "plate", "#fbf7ef", ["#f3a33c", "#e4572e", "#f6c945", "#b5c943", "#d9437a"]],
	[/./, "plate", "#fbf7ef", ["#9c4a20", "#b85c28", "#7d3515", "#c9702f", "#d88f4a"]],
];
const cloths: [string, string][] = [
	["#f7dcc6", "#eebb93"],
	["#f6e3c0", "#e8c583"],
	["#e5e8cf", "#c5cf9e"],
	["#f3d5cb", "#e0a695"],
	["#dfe6e6", "#b5c8ca"],
	["#efe0d3", "#d3b79d"],
];

export function artOf(id: string): Art {
	let h = 2166136261;
	for (const c of id) h = Math.imul(h ^ c.charCodeAt(0), 16777619) >>> 0;
	const random = () => ((h = Math.imul(h ^ (h >>> 15), 2246822519) ^ Math.imul(h ^ (h >>> 13), 3266489917)) >>> 0) / 2 ** 32;
	const cloth = cloths[h % cloths.length]!;
	const [, kind, base, colours] = palettes.find(([re]) => re.test(id))!;
	const spread = kind === "bowl" ? 17 : 19;
	const bits = Array.from({ length: kind === "glass" ? 6 : kind === "skewer" ? 12 : 17 }, (_, i) => {
		const far = Math.sqrt(random()) * spread;
		const turn = random() * 2 * Math.PI;
		return {
			x: 44 + far * Math.cos(turn),
			y: 44 + far * Math.sin(turn),
			r: 3 + random() * 4.5,
			s: 0.55 + random() * 0.45,
			a: Math.round(random() * 180),
			c: colours[(i + Math.floor(random() * 2)) % colours.length]!,
		};
	});
	const green = ["#3f8f3a", "#5aa846", "#c22b1a"];
	const leaves = Array.from({ length: 5 }, () => {
		const far = random() * spread * 0.9;
		const turn = random() * 2 * Math.PI;
		return {
			x: 44 + far * Math.cos(turn),
			y: 44 + far * Math.sin(turn),
			a: Math.round(random() * 360),
			c: green[Math.floor(random() * 3)]!,
		};
	});
	return { kind, cloth, base, bits, leaves };
}
