/** Switch is a choice of this device: sound, single keys. It is remembered over a reload. */
export class Switch {
	on = $state(true);
	private key: string;

	constructor(name: string, first = true) {
		this.key = `brigata.${location.pathname.split("/")[1]}.${name}`;
		this.on = (localStorage.getItem(this.key) ?? (first ? "on" : "off")) === "on";
	}

	turn = () => {
		this.on = !this.on;
		localStorage.setItem(this.key, this.on ? "on" : "off");
	};
}
