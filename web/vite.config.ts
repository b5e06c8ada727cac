import { existsSync } from "node:fs";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// One page per app; the server maps paths to them (embed.go).
const pages = ["index", "guest", "waiter", "kitchen", "dispatch", "ops"];

export default defineConfig({
	plugins: [svelte()],
	build: {
		target: "es2022",
		modulePreload: { polyfill: false },
		reportCompressedSize: false,
		rolldownOptions: {
			input: pages.map((p) => `${p}.html`).filter((p) => existsSync(p)),
		},
	},
	server: { proxy: { "/v1": { target: "http://127.0.0.1:8080", ws: true } } },
	test: {
		environment: "happy-dom",
		include: ["test/unit/**/*.test.ts"],
	},
	resolve: process.env.VITEST ? { conditions: ["browser"] } : {},
});
