// Written by actors/wire/typescript (make gen); do not edit.

/** RFC 3339, UTC, milliseconds. */
export type Time = string;
export type Code = "bad_request" | "unauthenticated" | "forbidden" | "not_found" | "conflict" | "stale_price" | "sold_out" | "closed" | "invalid" | "rate_limited" | "overloaded" | "unavailable" | "moved" | "internal";
export type ItemState = "held" | "queued" | "cooking" | "ready" | "served" | "voided";
export type OrderState = "submitted" | "placed" | "accepted" | "closed" | "refused" | "expired" | "cancelled" | "voided";
export type PaymentState = "created" | "pending" | "succeeded" | "failed" | "cancelled" | "unknown";
export type Role = "guest" | "waiter" | "cashier" | "kitchen" | "expo" | "dispatcher" | "manager" | "admin" | "device" | "channel";
export type SensorHealth = "ok" | "missing" | "stuck" | "skewed" | "absurd";
export type SensorState = "normal" | "suspect" | "alert" | "acked" | "escalated" | "resolved";
export type StockMode = "unlimited" | "counted" | "out" | "held";
export type TableState = "free" | "seated" | "bill_requested" | "paid" | "dirty";
export type WorkorderSeverity = "info" | "food";
export type WorkorderState = "open" | "assigned" | "done";

export interface Order {
	id: string;
	no: number;
	date: string;
	type: "dine_in" | "pickup" | "delivery";
	channel: string;
	table?: string;
	session?: string;
	round?: number;
	guests?: number;
	state: OrderState;
	progress: "sent" | "accepted" | "cooking" | "ready" | "served";
	payment: "unpaid" | "partly_paid" | "paid" | "partly_refunded" | "refunded";
	rush: boolean;
	note?: string;
	server?: Who;
	menu_version: number;
	currency: string;
	tax_included: boolean;
	subtotal: number;
	discount: number;
	service: number;
	tax: number;
	total: number;
	paid: number;
	refunded: number;
	taxes: BillTax[];
	placed_at?: Time;
	accepted_at?: Time;
	promise_at?: Time;
	closed_at?: Time;
	due_at?: Time;
	pay_by?: Time;
	code?: string;
	contact?: Contact;
	ref?: string;
	reason?: string;
	reason_note?: string;
	shelf?: string;
	driver?: Driver;
	delivery?: string;
	eta_at?: Time;
	lines: OrderLine[];
}

export interface Who {
	id?: string;
	name?: string;
	role?: Role;
}

export interface BillTax {
	class: string;
	rate_bp: number;
	base: number;
	tax: number;
}

export interface Contact {
	name: string;
	phone: string;
	address?: string;
}

export interface Driver {
	id?: string;
	name: string;
	phone?: string;
}

export interface OrderLine {
	id: string;
	dish: string;
	name: Text;
	qty: number;
	void_qty: number;
	unit_price: number;
	amount: number;
	tax_class: string;
	seat?: number;
	course?: number;
	note?: string;
	guest?: string;
	guest_name?: string;
	guest_color?: number;
	hold?: boolean;
	allergies: string[];
	options: PricedOption[];
	parts: PricedPart[];
	items: OrderItem[];
}

export interface Text {
	zh?: string;
	en?: string;
}

export interface PricedOption {
	option: string;
	group: string;
	kind: string;
	name: Text;
	qty: number;
	price: number;
}

export interface PricedPart {
	part: string;
	dish: string;
	options: PricedOption[];
}

export interface OrderItem {
	id: string;
	dish: string;
	name: Text;
	qty: number;
	void_qty: number;
	state: ItemState;
	stations?: string[];
	course?: number;
	fire_seq?: number;
	fired_at?: Time;
	started_at?: Time;
	ready_at?: Time;
	served_at?: Time;
	void_at?: Time;
	added_at?: Time;
	fire_at?: Time;
	void_reason?: string;
	void_by?: Who;
	bumped_by?: Who;
	flag?: string;
}

export interface Table {
	id: string;
	name: string;
	area: string;
	state: TableState;
	session?: string;
	seated_at?: Time;
	guests?: number;
	server?: Who;
	people: Person[];
	cart: Cart;
	calls: Call[];
	bill?: Bill;
}

export interface Person {
	guest: string;
	name: string;
	color: number;
}

export interface Cart {
	cart_v: number;
	subtotal: number;
	lines: CartLine[];
}

export interface CartLine {
	options: PricedOption[];
	parts: PricedPart[];
	allergies: string[];
	id: string;
	dish: string;
	qty: number;
	note?: string;
	seat?: number;
	course?: number;
	hold?: boolean;
	guest?: string;
	name: Text;
	unit_price: number;
	amount: number;
}

export interface Call {
	id: string;
	kind: "waiter" | "hurry" | "bill";
	note?: string;
	by: string;
	at: Time;
	acked_at?: Time;
	acked_by?: string;
}

export interface Bill {
	currency: string;
	tax_included: boolean;
	orders: string[];
	subtotal: number;
	discount: number;
	service: number;
	tax: number;
	total: number;
	tip: number;
	pending: number;
	paid: number;
	refunded: number;
	due: number;
	taxes: BillTax[];
	mode: "none" | "items" | "seats" | "guests" | "even" | "amounts";
	parts: BillPart[];
	payments: BillPayment[];
}

export interface BillPart {
	id: string;
	guest?: string;
	amount: number;
	tip: number;
	paid: number;
	due: number;
	lines: BillShare[];
}

export interface BillShare {
	order: string;
	line: string;
	num: number;
	den: number;
	amount: number;
}

export interface BillPayment {
	id: string;
	part?: string;
	provider: string;
	state: string;
	amount: number;
	tip: number;
	refunded: number;
	currency: string;
}

export interface Payment {
	id: string;
	table?: string;
	order?: string;
	part?: string;
	provider: "cash" | "terminal" | "stripe" | "wechat" | "alipay";
	state: PaymentState;
	currency?: string;
	amount: number;
	tip: number;
	refunded: number;
	tendered?: number;
	change?: number;
	reference?: string;
	created_at: Time;
	done_at?: Time;
	expires_at?: Time;
	action?: PaymentAction;
	failure?: PaymentFailure;
	refunds?: PaymentRefund[];
	by?: Who;
}

export interface PaymentAction {
	kind: string;
	data?: string;
	params?: Record<string, string>;
}

export interface PaymentFailure {
	code: string;
	message: string;
}

export interface PaymentRefund {
	id: string;
	amount: number;
	at: Time;
	reason?: string;
	state?: string;
	done_at?: Time;
}

export interface Stock {
	name: Text;
	mode: StockMode;
	counted: number;
	taken: number;
	left: number;
	low_at: number;
	daily: number;
	until?: Time;
	reason?: string;
	by?: Who;
	sensor?: string;
	changed_at: Time;
}

export interface Store {
	id: string;
	name: Text;
	zone: string;
	currency: string;
	date: string;
	open: boolean;
	paused: StorePause[];
	wait_ms: number;
	providers: string[];
}

export interface StorePause {
	channel: string;
	until?: Time;
}

export interface MenuVersion {
	version: number;
	etag: string;
	published_at: Time;
}

export interface Menu {
	version?: number;
	published_at?: Time;
	currency: string;
	tax_included: boolean;
	languages: string[];
	allergens: Allergen[];
	dayparts: Daypart[];
	categories: Category[];
	dishes: Dish[];
	groups: Group[];
}

export interface Allergen {
	id: string;
	name: Text;
}

export interface Daypart {
	id: string;
	name: Text;
	days: number[];
	from: string;
	to: string;
}

export interface Category {
	id: string;
	name: Text;
	count: number;
	dishes: string[];
	categories: Category[];
	dayparts?: string[];
}

export interface Dish {
	id: string;
	name: Text;
	description?: Text;
	image?: string;
	price: number;
	prices: Record<string, number>;
	tax_class: string;
	allergens: string[];
	tags: string[];
	groups: string[];
	course: number;
	dayparts: string[];
	max_qty?: number;
	stations?: string[];
	each?: boolean;
	prep_ms?: number;
	parts?: MenuPart[];
}

export interface MenuPart {
	id: string;
	name: Text;
	min: number;
	max: number;
	choices: MenuChoice[];
}

export interface MenuChoice {
	dish: string;
	price: number;
}

export interface Group {
	id: string;
	name: Text;
	min: number;
	max: number;
	options: Option[];
}

export interface Option {
	id: string;
	name: Text;
	kind: "choice" | "add" | "remove";
	price: number;
	default?: boolean;
	max_qty?: number;
	groups?: string[];
}

export interface StoreDocument {
	id: string;
	name: Text;
	zone: string;
	currency: string;
	day_starts: string;
	languages: string[];
	tax: StoreTax;
	service: StoreService;
	accept: Record<string, string>;
	pay: Record<string, string>;
	pay_within_ms: number;
	aging_ms: Record<string, [number, number]>;
	auto_fire_ms: number;
	channels: StoreChannel[];
	stations: StoreStation[];
	routes: StoreRoute[];
	printers: StorePrinter[];
	areas: StoreArea[];
	tables: StoreTable[];
	reasons: string[];
	stock: StoreSeed[];
	food_safety?: StoreFoodSafety;
	menu_from?: StoreMenuFrom;
}

export interface StoreTax {
	included: boolean;
	rounding: string;
	scope: string;
	classes: StoreTaxClass[];
}

export interface StoreTaxClass {
	id: string;
	rate_bp: number;
}

export interface StoreService {
	rate_bp: number;
	types: string[];
	min_guests: number;
	tax_class: string;
}

export interface StoreChannel {
	id: string;
}

export interface StoreStation {
	id: string;
	name: Text;
	printer?: string;
}

export interface StoreRoute {
	type: string;
	station: string;
	to: string;
}

export interface StorePrinter {
	id: string;
	address: string;
	paper_mm: number;
	encoding: string;
	backup?: string;
	prints?: string[];
}

export interface StoreArea {
	id: string;
	name: Text;
}

export interface StoreTable {
	id: string;
	area: string;
	seats: number;
	x: number;
	y: number;
	w: number;
	h: number;
	shape: string;
}

export interface StoreSeed {
	dish?: string;
	option?: string;
	qty: number;
	daily?: number;
	low_at?: number;
}

export interface StoreFoodSafety {
	cold_max_c: number;
	warn_ms: number;
	hold_ms: number;
	discard_ms: number;
}

export interface StoreMenuFrom {
	store: string;
	dishes?: MenuDishOverride[];
	options?: MenuOptionOverride[];
}

export interface MenuDishOverride {
	id: string;
	hidden?: boolean;
	name?: Text;
	description?: Text;
	image?: string;
	price?: number;
	prices?: Record<string, number>;
	tax_class?: string;
	dayparts?: string[];
	max_qty?: number;
	stations?: string[];
	prep_ms?: number;
}

export interface MenuOptionOverride {
	id: string;
	hidden?: boolean;
	name?: Text;
	price?: number;
}

export interface Ticket {
	id: string;
	order: string;
	no: number;
	station: string;
	course: number;
	state: "open" | "done";
	type: "dine_in" | "pickup" | "delivery";
	channel: string;
	label: string;
	server?: string;
	guests?: number;
	round?: number;
	rush: boolean;
	note?: string;
	fired_at?: Time;
	promise_at?: Time;
	warn_at?: Time;
	late_at?: Time;
	done_at?: Time;
	hurried_at?: Time;
	override?: boolean;
	also: Also[];
	items: TicketItem[];
}

export interface Also {
	station: string;
	open: number;
}

export interface TicketItem {
	id: string;
	fire_seq: number;
	dish: string;
	name: Text;
	combo?: Text;
	qty: number;
	void_qty: number;
	state: ItemState;
	bumped: boolean;
	seat?: number;
	note?: string;
	prep_ms: number;
	mods: Mod[];
	allergies: Allergen[];
	added_at?: Time;
	void_at?: Time;
	fire_at?: Time;
	flag?: string;
}

export interface Mod {
	kind: "choice" | "add" | "remove";
	name: Text;
	qty: number;
}

export interface Dispatch {
	order: string;
	no: number;
	type: "dine_in" | "pickup" | "delivery";
	channel: string;
	label: string;
	code?: string;
	state: "waiting" | "ready" | "out";
	delivery?: string;
	guests?: number;
	rush: boolean;
	paid: boolean;
	stations: DispatchAt[];
	items: DispatchItem[];
	shelf?: string;
	driver?: Driver;
	contact?: Contact;
	promise_at?: Time;
	ready_at?: Time;
	eta_at?: Time;
	overridden_by?: string;
}

export interface DispatchAt {
	station: string;
	open: number;
	ready: number;
}

export interface DispatchItem {
	id: string;
	name: Text;
	qty: number;
	state: ItemState;
}

export interface Floor {
	id: string;
	name: string;
	area: string;
	seats: number;
	x: number;
	y: number;
	w: number;
	h: number;
	shape: string;
	state: TableState;
	phase?: "ordering" | "waiting" | "eating";
	session?: string;
	guests?: number;
	seated_at?: Time;
	server?: Who;
	orders: number;
	items: Counts;
	late: boolean;
	currency: string;
	due: number;
	calls: Call[];
}

export interface Counts {
	held: number;
	queued: number;
	cooking: number;
	ready: number;
	served: number;
}

export interface Availability {
	available: boolean;
	left?: number;
	until?: Time;
}

export interface Sensor {
	id: string;
	name: Text;
	kind: "temperature" | "door" | "power" | "vibration" | "microphone" | "thermal";
	asset: string;
	node?: string;
	state: SensorState;
	health: SensorHealth;
	reading?: Reading;
	limits: Limits;
	suppressed?: string;
	why?: string;
	since?: Time;
	warn_at?: Time;
	hold_at?: Time;
	discard_at?: Time;
	workorder?: string;
	acked_by?: Who;
	dishes: string[];
	offset: number;
	calibrated_at?: Time;
	score?: number;
	class?: string;
	unsafe_ms?: number;
	control?: SensorControlView;
	fault?: SensorFault;
}

export interface Reading {
	value: number;
	unit: string;
	at: Time;
	seq: number;
}

export interface Limits {
	low: number;
	high: number;
	delay_ms: number;
}

export interface SensorControlView {
	standard: string;
	since: Time;
	elapsed_ms?: number;
	discard_at?: Time;
	verdict: string;
}

export interface SensorFault {
	class: string;
	confidence: number;
	evidence: SensorEvidence[];
	model: string;
}

export interface SensorEvidence {
	sense: string;
	weight: number;
}

export interface Workorder {
	id: string;
	asset: string;
	sensor: string;
	why: string;
	state: WorkorderState;
	episode: SensorState;
	opened_at: Time;
	since: Time;
	recovered_at?: Time;
	peak: number;
	severity: WorkorderSeverity;
	warned: boolean;
	warn_at?: Time;
	hold_at?: Time;
	discard_at?: Time;
	assigned?: Who;
	done_at?: Time;
	what?: string;
	decision?: string;
	proposed?: "discard";
	fault?: SensorFault;
	finding?: string;
	lead_ms?: number;
	holds: string[];
	log: WorkorderLog[];
}

export interface WorkorderLog {
	at: Time;
	by?: Who;
	what: string;
}

export interface Printer {
	id: string;
	name?: string;
	station?: string;
	state: string;
	queued: number;
	oldest_at?: Time;
	error?: string;
	rerouted_to?: string;
	last?: PrintedAs;
}

export interface PrintedAs {
	job: string;
	order: string;
	copy: number;
	at: Time;
}

export interface Pass {
	id: string;
	asset: string;
	dishes: number;
	cold_c?: number;
	at: Time;
}

export interface Node {
	id: string;
	name: string;
	kind: "server" | "edge";
	address: string;
	version: string;
	state: "alive" | "suspect" | "draining" | "gone";
	started_at: Time;
	epoch: number;
	lease_ms: number;
	cells: number;
	stores: string[];
	connections: number;
	store?: string;
	link?: string;
	backlog?: number;
	model?: string;
	clock_offset_ms?: number;
}

export interface Session {
	session: string;
	user: string;
	name?: string;
	store?: string;
	stores?: string[];
	roles: Role[];
	table?: string;
	guest?: string;
	ttl: number;
	ping: number;
	now: Time;
	limits: SessionLimits;
}

export interface SessionLimits {
	message: number;
	subscriptions: number;
	inflight: number;
	rate: number;
	burst: number;
}

export interface Refusal {
	code: Code;
	message: string;
	fields: Fields;
	retry: boolean;
	after_ms: number;
}

export interface Fields {
	at?: string;
	reason?: string;
	need?: string;
	kind?: string;
	id?: string;
	state?: string;
	v?: number;
	cart_v?: number;
	draft_v?: number;
	due?: number;
	dish?: string;
	option?: string;
	left?: number;
	total?: number;
	currency?: string;
	menu_version?: number;
	lines?: RefusalLinePrice[];
	items?: RefusalItem[];
	opens_at?: Time;
	min?: number;
	max?: number;
	errors?: RefusalFault[];
	scope?: string;
	what?: string;
	trace?: string;
}

export interface RefusalLinePrice {
	id: string;
	unit_price: number;
	amount: number;
}

export interface RefusalItem {
	id?: string;
	state?: string;
	dish?: string;
	option?: string;
	left?: number;
	lines?: string[];
}

export interface RefusalFault {
	at: string;
	reason: string;
	min?: number;
	max?: number;
}

export interface Line {
	id?: string;
	dish: string;
	qty: number;
	options?: Pick[];
	parts?: PartPick[];
	note?: string;
	seat?: number;
	course?: number;
	hold?: boolean;
	allergies?: string[];
	guest?: string;
}

export interface Pick {
	option: string;
	group?: string;
	qty?: number;
	options?: Pick[];
}

export interface PartPick {
	part: string;
	dish: string;
	options?: Pick[];
}

export interface SensorAck {
	sensor: string;
	note?: string;
}

export interface SensorAckReply {
	sensor: string;
	state: SensorState;
}

export interface TableDiscountBill {
	table: string;
	rate_bp?: number;
	amount?: number;
	reason?: string;
	note?: string;
}

export interface OrderDiscountBill {
	order: string;
	rate_bp?: number;
	amount?: number;
	reason?: string;
	note?: string;
}

export interface TablePrintBill {
	table: string;
	part?: string;
	printer?: string;
	note?: string;
}

export interface OrderPrintBill {
	order: string;
	part?: string;
	printer?: string;
	note?: string;
}

export interface OrderReprintReply {
	printer: string;
	job: string;
	copy: number;
}

export interface TableSplitBill {
	table: string;
	mode: string;
	count?: number;
	parts?: BillWant[];
	note?: string;
}

export interface BillWant {
	guest?: string;
	lines?: BillFraction[];
	amount?: number;
}

export interface BillFraction {
	order: string;
	line: string;
	num?: number;
	den?: number;
}

export interface OrderSplitBill {
	order: string;
	mode: string;
	count?: number;
	parts?: BillWant[];
	note?: string;
}

export interface TableSetCart {
	table: string;
	line: string;
	id?: string;
	dish: string;
	qty: number;
	options?: Pick[];
	parts?: PartPick[];
	note?: string;
	seat?: number;
	course?: number;
	hold?: boolean;
	allergies?: string[];
	guest?: string;
}

export interface TableCartReply {
	table: string;
	cart_v: number;
	subtotal: number;
}

export interface StorePauseChannel {
	channel: string;
	until?: string;
	reason?: string;
	note?: string;
}

export interface StorePauseReply {
	channel: string;
	paused: boolean;
	until?: Time;
}

export interface StoreCloseDay {
	date: string;
	counted: number;
	note?: string;
}

export interface StoreCloseReply {
	date: string;
	sales: number;
	expected: number;
	difference: number;
	providers: StoreSum[];
}

export interface StoreSum {
	provider: string;
	payments: number;
	amount: number;
	tip: number;
}

export interface OrderChange {
	order: string;
	items?: string[];
	course?: number;
	station?: string;
	note?: string;
}

export interface OrderItemsReply {
	order: string;
	items: OrderItemChanged[];
	order_total?: number;
}

export interface OrderItemChanged {
	id: string;
	state: ItemState;
	fire_seq: number;
}

export interface OrderVoidItems {
	order: string;
	items: string[];
	reason?: string;
	qty?: number;
	note?: string;
}

export interface MenuDraft {
	base: number;
	menu?: Menu;
}

export interface MenuDraftReply {
	draft_v: number;
	problems: MenuProblem[];
}

export interface MenuProblem {
	at: string;
	message: string;
}

export interface MenuPublish {
	draft_v: number;
}

export interface MenuPublishReply {
	version: number;
	etag: string;
}

export interface OrderAccept {
	order: string;
	promise_at?: Time;
	note?: string;
}

export interface OrderAcceptReply {
	order: string;
	state: OrderState;
	promise_at?: Time;
}

export interface OrderAdd {
	order: string;
	lines: Line[];
	total?: number;
	note?: string;
}

export interface OrderPlaceReply {
	order: string;
	no: number;
	state: OrderState;
	payment: string;
	currency: string;
	subtotal: number;
	discount: number;
	service: number;
	tax: number;
	total: number;
	lines: OrderLinePrice[];
	code?: string;
	promise_at?: Time;
	pay_by?: Time;
}

export interface OrderLinePrice {
	id: string;
	unit_price: number;
	amount: number;
}

export interface OrderAssign {
	order: string;
	driver?: Driver;
	eta_at?: Time;
	note?: string;
}

export interface OrderDeliverReply {
	order: string;
	delivery: string;
}

export interface OrderEnd {
	order: string;
	reason?: string;
	note?: string;
}

export interface OrderEndReply {
	order: string;
	state: OrderState;
	payment: string;
	refunds: string[];
}

export interface OrderDeliver {
	order: string;
	delivery: string;
	eta_at?: Time;
	reason?: string;
	note?: string;
}

export interface OrderHandOff {
	order: string;
	to: string;
	shelf?: string;
	code?: string;
	override?: boolean;
	reason?: string;
	note?: string;
}

export interface OrderHandOffReply {
	order: string;
	state: OrderState;
	delivery?: string;
}

export interface OrderPlace {
	type: string;
	table?: string;
	lines?: Line[];
	cart?: number;
	total?: number;
	menu_version?: number;
	guests?: number;
	due_at?: Time;
	hold?: boolean;
	note?: string;
	contact?: Contact;
	ref?: string;
}

export interface OrderRush {
	order: string;
	on: boolean;
	note?: string;
}

export interface OrderRushReply {
	order: string;
	rush: boolean;
}

export interface PaymentCancel {
	payment: string;
	reason?: string;
	note?: string;
}

export interface PaymentConfirm {
	payment: string;
	reference?: string;
	tendered?: number;
	note?: string;
}

export interface PaymentCreate {
	table?: string;
	order?: string;
	part?: string;
	provider: string;
	amount: number;
	tip?: number;
	method?: string;
	return_url?: string;
	openid?: string;
	note?: string;
}

export interface PaymentGiveBack {
	payment: string;
	amount: number;
	reason: string;
	note?: string;
}

export interface SensorCalibrate {
	sensor: string;
	offset: number;
	note?: string;
}

export interface SensorCalibrateReply {
	sensor: string;
	offset: number;
}

export interface SensorQuery {
	sensor: string;
	from?: Time;
	to?: Time;
	step_ms?: number;
}

export interface SensorSeriesReply {
	unit: string;
	step_ms: number;
	items: SensorPoint[];
}

export interface SensorPoint {
	at: Time;
	min: number;
	max: number;
	avg: number;
	n: number;
}

export interface StockSetCount {
	dish?: string;
	option?: string;
	qty?: number;
	unlimited?: boolean;
	low_at?: number;
	daily?: number;
	note?: string;
}

export interface StockLevel {
	mode: StockMode;
	left?: number;
}

export interface StockHoldBack {
	dish?: string;
	option?: string;
	reason: string;
	note?: string;
}

export interface StockPutIn {
	dish?: string;
	option?: string;
	note?: string;
}

export interface StockTakeOut {
	dish?: string;
	option?: string;
	until: string;
	reason?: string;
	note?: string;
}

export interface StockOutReply {
	mode: StockMode;
	until: string;
}

export interface StockLetGo {
	dish?: string;
	option?: string;
	reason: string;
	note?: string;
}

export interface StockRestock {
	dish?: string;
	option?: string;
	qty: number;
	at?: Time;
	note?: string;
}

export interface TableAck {
	table: string;
	call: string;
	note?: string;
}

export interface TableAckReply {
	call: string;
	acked_at: Time;
}

export interface TableRing {
	table: string;
	kind: string;
	note?: string;
}

export interface TableRingReply {
	call: string;
	at: Time;
}

export interface TableClear {
	table: string;
	reason?: string;
	clean?: boolean;
	note?: string;
}

export interface TableClearReply {
	table: string;
	state: TableState;
}

export interface TableGo {
	table: string;
	to: string;
	note?: string;
}

export interface TableGoReply {
	table: string;
	to: string;
	session: string;
}

export interface TableOpen {
	table: string;
	guests: number;
	server?: string;
	note?: string;
}

export interface TableOpenReply {
	table: string;
	session: string;
	state: TableState;
}

export interface OrderReprint {
	order: string;
	station: string;
	course?: number;
	printer?: string;
	note?: string;
}

export interface WorkorderAssign {
	workorder: string;
	to: string;
	note?: string;
}

export interface WorkorderStateReply {
	workorder: string;
	state: WorkorderState;
}

export interface WorkorderFinish {
	workorder: string;
	what: string;
	decision?: string;
	finding?: string;
	note?: string;
}

/** Every command: what it takes and what it answers. */
export interface Commands {
	"alert.ack": { d: SensorAck; ok: SensorAckReply };
	"bill.discount": { d: TableDiscountBill | OrderDiscountBill; ok: Bill };
	"bill.print": { d: TablePrintBill | OrderPrintBill; ok: OrderReprintReply };
	"bill.split": { d: TableSplitBill | OrderSplitBill; ok: Bill };
	"cart.set": { d: TableSetCart; ok: TableCartReply };
	"channel.pause": { d: StorePauseChannel; ok: StorePauseReply };
	"day.close": { d: StoreCloseDay; ok: StoreCloseReply };
	"item.bump": { d: OrderChange; ok: OrderItemsReply };
	"item.fire": { d: OrderChange; ok: OrderItemsReply };
	"item.hold": { d: OrderChange; ok: OrderItemsReply };
	"item.recall": { d: OrderChange; ok: OrderItemsReply };
	"item.serve": { d: OrderChange; ok: OrderItemsReply };
	"item.start": { d: OrderChange; ok: OrderItemsReply };
	"item.void": { d: OrderVoidItems; ok: OrderItemsReply };
	"menu.draft": { d: MenuDraft; ok: MenuDraftReply };
	"menu.publish": { d: MenuPublish; ok: MenuPublishReply };
	"order.accept": { d: OrderAccept; ok: OrderAcceptReply };
	"order.add": { d: OrderAdd; ok: OrderPlaceReply };
	"order.assign": { d: OrderAssign; ok: OrderDeliverReply };
	"order.cancel": { d: OrderEnd; ok: OrderEndReply };
	"order.deliver": { d: OrderDeliver; ok: OrderDeliverReply };
	"order.hand_off": { d: OrderHandOff; ok: OrderHandOffReply };
	"order.place": { d: OrderPlace; ok: OrderPlaceReply };
	"order.reject": { d: OrderEnd; ok: OrderEndReply };
	"order.rush": { d: OrderRush; ok: OrderRushReply };
	"order.void": { d: OrderEnd; ok: OrderEndReply };
	"payment.cancel": { d: PaymentCancel; ok: Payment };
	"payment.confirm": { d: PaymentConfirm; ok: Payment };
	"payment.create": { d: PaymentCreate; ok: Payment };
	"payment.refund": { d: PaymentGiveBack; ok: Payment };
	"sensor.calibrate": { d: SensorCalibrate; ok: SensorCalibrateReply };
	"sensor.series": { d: SensorQuery; ok: SensorSeriesReply };
	"stock.count": { d: StockSetCount; ok: StockLevel };
	"stock.hold": { d: StockHoldBack; ok: StockLevel };
	"stock.in": { d: StockPutIn; ok: StockLevel };
	"stock.out": { d: StockTakeOut; ok: StockOutReply };
	"stock.release": { d: StockLetGo; ok: StockLevel };
	"stock.restock": { d: StockRestock; ok: StockLevel };
	"table.ack": { d: TableAck; ok: TableAckReply };
	"table.call": { d: TableRing; ok: TableRingReply };
	"table.clear": { d: TableClear; ok: TableClearReply };
	"table.merge": { d: TableGo; ok: TableGoReply };
	"table.move": { d: TableGo; ok: TableGoReply };
	"table.open": { d: TableOpen; ok: TableOpenReply };
	"ticket.print": { d: OrderReprint; ok: OrderReprintReply };
	"workorder.assign": { d: WorkorderAssign; ok: WorkorderStateReply };
	"workorder.done": { d: WorkorderFinish; ok: WorkorderStateReply };
}
