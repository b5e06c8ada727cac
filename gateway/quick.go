package gateway

import "github.com/brigata/brigata/actors/wire"

// quick reads a command as clients send it: known members once each, plain strings,
// whole numbers, an object under d. It reports false for everything else, which
// json.Unmarshal then reads or refuses. d is only found by its brackets: whoever decodes
// it finds out whether it is JSON, and check says what a whole message would have been.
func (m *message) quick(b []byte) bool {
	s := wire.Scan(b)
	seen, ok := s.Members(func(key []byte) (bit int, ok bool) {
		switch string(key) {
		case "id":
			bit = 1
			m.ID, ok = s.Whole()
		case "cmd":
			bit = 2
			var name []byte
			if name, ok = s.Plain(); ok {
				m.Cmd, ok = wire.CommandName(name)
			}
		case "cid":
			bit = 4
			m.CID, ok = s.Text()
		case "store":
			bit = 8
			m.Store, ok = s.Text()
		case "d":
			bit = 16
			m.D, ok = s.Object()
		case "deadline_ms":
			bit = 32
			m.DeadlineMS, ok = s.Whole()
		}
		return bit, ok
	})
	m.raw = b
	return ok && s.End() && seen&3 == 3
}

// check says what is wrong with a message that quick has read, and that could not be
// decoded all the way.
func (m *message) check() error {
	if m.raw == nil {
		return nil
	}
	_, err := decode(m.raw)
	return err
}
