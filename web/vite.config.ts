import { readFileSync } from "node:fs";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { minifySync, type Plugin } from "vite";
import { defineConfig } from "vitest/config";

// One page per app; the server maps paths to them (embed.go). The guest's is built by
// itself (mode guest), so that a phone on a slow network loads nothing that only the
// staff's apps need.
const staff = ["index", "waiter", "kitchen", "dispatch", "ops"];

/** Puts a script where its name stands in a page: it runs without a round trip of its own. */
const inline = (file: string): Plugin => ({
	name: `inline ${file}`,
	transformIndexHtml: (html) =>
		html.replace(`<!-- ${file} -->`, () => `<script>${minifySync(file, readFileSync(file, "utf8")).code.trim()}</script>`),
});

export default defineConfig(({ mode }) => ({
	plugins: [svelte(), inline("src/guest/boot.js")],
	build: {
		target: "es2022",
		modulePreload: { polyfill: false },
		reportCompressedSize: false,
		emptyOutDir: mode === "guest",
		// One file of styles, small as it is: a tab that is loaded later then cannot lack its own.
		cssCodeSplit: mode !== "guest",
		rolldownOptions: { input: (mode === "guest" ? ["guest"] : staff).map((p) => `${p}.html`) },
	},
	server: { proxy: { "/v1": { target: "http://127.0.0.1:8080", ws: true } } },
	test: {
		environment: "happy-dom",
		include: ["test/unit/**/*.test.ts"],
	},
	resolve: process.env.VITEST ? { conditions: ["browser"] } : {},
}));
