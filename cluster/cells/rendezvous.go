package cells

// Preferred is the name that a cell should be with: the one of greatest weight, so that
// a name that comes or goes moves only its own share. "" if there is none.
func Preferred(cell string, names []string) (best string) {
	var top uint64
	for _, n := range names {
		if w := weight(cell, n); best == "" || w > top || w == top && n < best {
			best, top = n, w
		}
	}
	return best
}

// weight is FNV-1a of cell and name, finished as MurmurHash3 is: FNV alone leaves the
// last bytes, in which names differ, hardly mixed.
func weight(cell, name string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(cell) {
		h = (h ^ uint64(cell[i])) * 1099511628211
	}
	h = (h ^ 0xff) * 1099511628211 // no byte of UTF-8
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
