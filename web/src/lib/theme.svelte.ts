// An app's look: as it was chosen on this device, else as the page says: the boards begin
// dark, the others as the device is.
const root = document.documentElement;
const key = `brigata.theme.${location.pathname.split("/")[1]}`;
const device = matchMedia("(prefers-color-scheme: dark)");
const own = root.dataset.theme;
const first = localStorage.getItem(key) ?? own;

let chosen = $state(first);
let dim = $state(device.matches);

function show() {
	root.dataset.theme = theme.dark ? "dark" : "light";
	document.querySelector("meta[name=theme-color]")?.setAttribute("content", getComputedStyle(root).getPropertyValue("--s1"));
}

export const theme = {
	get dark() {
		return chosen === "auto" ? dim : chosen === "dark";
	},
	turn() {
		chosen = theme.dark ? "light" : "dark";
		localStorage.setItem(key, chosen);
		show();
	},
};
device.addEventListener("change", (e) => {
	dim = e.matches;
	show();
});
show();
