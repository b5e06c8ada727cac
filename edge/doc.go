// Package edge is the box in a store: it takes what sensors say over MQTT and HTTP, sums
// it up, raises alerts without an uplink, and keeps all of it on disk until the node that
// owns the store's cell has journaled it.
//
//	device ─MQTT, HTTP─▶ disk ─▶ check ─▶ window ─▶ features ─▶ model ─▶ rules ─▶ stream on disk ─leaf─▶ node
//
// Its promises: a device's message is acknowledged once it is on disk; nothing that was
// acknowledged is lost or counts twice, whatever is killed; samples of sound, vibration
// and heat never leave the box, only what was made of them. cmd starts it; the nodes'
// side of the link is edge/hub.
package edge
