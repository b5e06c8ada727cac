package sim

import (
	"fmt"
	"math/rand/v2"
)

// document is a small store with all that makes a difference: counted and uncounted
// dishes, a counted option, two stations, two courses, orders that are accepted by hand
// and such that are paid first. How it taxes and charges is the seed's.
func document(r *rand.Rand) string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	return fmt.Sprintf(`{"id":"demo","name":{"en":"Sim"},"zone":"UTC","currency":"CNY","day_starts":"05:00","languages":["en"],
"tax":{"included":%s,"rounding":"half_up","scope":%q,"classes":[{"id":"food","rate_bp":600},{"id":"alcohol","rate_bp":1300}]},
"service":{"rate_bp":%s,"types":["dine_in"],"min_guests":0,"tax_class":"food"},
"accept":{"dine_in":"auto","pickup":"auto","delivery":%q},"pay":{"dine_in":"later","pickup":%q,"delivery":"later"},
"pay_within_ms":6000,"aging_ms":{"dine_in":[3000,4800],"pickup":[3000,4800],"delivery":[3000,4800]},"auto_fire_ms":%s,
"channels":[{"id":"qr"},{"id":"pos"},{"id":"web"}],
"stations":[{"id":"wok","name":{"en":"Wok"}},{"id":"bar","name":{"en":"Bar"}}],"routes":[],"printers":[],
"food_safety":{"cold_max_c":5,"warn_ms":1000,"hold_ms":2500,"discard_ms":4000},
"sensors":[{"id":"cold-1","name":{"en":"Cold"},"kind":"temperature","asset":"cold","dishes":["soup","noodles"],"limits":{"low":-1,"high":5,"delay_ms":1000}}],
"areas":[{"id":"hall","name":{"en":"Hall"}}],
"tables":[{"id":"T1","area":"hall","seats":4,"x":0,"y":0,"w":80,"h":80,"shape":"rect"},{"id":"T2","area":"hall","seats":4,"x":100,"y":0,"w":80,"h":80,"shape":"rect"},{"id":"T3","area":"hall","seats":4,"x":200,"y":0,"w":80,"h":80,"shape":"rect"}],
"reasons":["guest_left","mistake","quality","comp"],
"stock":[{"dish":"duck","qty":%d,"daily":6,"low_at":1},{"dish":"noodles","qty":%d,"daily":9,"low_at":1},{"option":"egg","qty":5,"daily":5,"low_at":1}],
"menu":{"currency":"CNY","tax_included":true,"languages":["en"],"allergens":[],"dayparts":[],
"categories":[{"id":"all","name":{"en":"All"},"count":4,"dishes":["duck","noodles","soup","beer"],"categories":[]}],
"dishes":[
{"id":"duck","name":{"en":"Duck"},"price":6800,"prices":{},"tax_class":"food","allergens":[],"tags":[],"groups":[],"course":1,"dayparts":[],"max_qty":20,"stations":["wok"],"each":false,"prep_ms":4000},
{"id":"noodles","name":{"en":"Noodles"},"price":1999,"prices":{},"tax_class":"food","allergens":[],"tags":[],"groups":["extras"],"course":0,"dayparts":[],"max_qty":20,"stations":["wok"],"each":true,"prep_ms":2000},
{"id":"soup","name":{"en":"Soup"},"price":1533,"prices":{},"tax_class":"food","allergens":[],"tags":[],"groups":[],"course":0,"dayparts":[],"max_qty":20,"stations":["wok","bar"],"each":false,"prep_ms":1000},
{"id":"beer","name":{"en":"Beer"},"price":1207,"prices":{},"tax_class":"alcohol","allergens":[],"tags":[],"groups":[],"course":0,"dayparts":[],"max_qty":20,"stations":["bar"],"each":false,"prep_ms":0}],
"groups":[{"id":"extras","name":{"en":"Extras"},"min":0,"max":2,"options":[{"id":"egg","name":{"en":"Egg"},"kind":"add","price":333,"max_qty":2}]}]}}`,
		pick("true", "false"), pick("line", "rate_group"), pick("0", "1000"), pick("auto", "manual"), pick("first", "later"), pick("0", "-1", "700"),
		2+r.IntN(8), 4+r.IntN(8))
}
