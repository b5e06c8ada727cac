package boards

import (
	"maps"
	"slices"
	"time"

	"github.com/brigata/brigata/actors/wire"
)

// ShowPass brings what a camera sees onto the store's topic pass. It is not an entity of the
// host: whoever does not look learns nothing of it, and it goes when it is old.
func (b *Boards) ShowPass(storeID string, p *wire.Pass) {
	if x := b.find(storeID); x != nil {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.source.Batch(func() { x.putPass(p) })
	}
}

func (b *board) putPass(p *wire.Pass) {
	b.seen[p.ID] = p
	if b.pass != nil {
		b.pass.put("pass/"+p.ID, p.At.UnixMilli(), p)
	}
}

// fillPass puts what was seen of late into a new topic.
func (b *board) fillPass() {
	b.sweepPass(b.config.Now())
	for _, id := range slices.Sorted(maps.Keys(b.seen)) {
		b.putPass(b.seen[id])
	}
}

func (b *board) sweepPass(now time.Time) {
	for id, p := range b.seen {
		if now.Sub(p.At) < wire.PassFor {
			continue
		}
		delete(b.seen, id)
		if b.pass != nil {
			b.pass.Delete("pass/" + id)
		}
	}
}
