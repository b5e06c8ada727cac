package mqtt

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Kinds of packets.
const (
	connect     = 1
	connAck     = 2
	publish     = 3
	pubAck      = 4
	pubRec      = 5
	pubRel      = 6
	pubComp     = 7
	subscribe   = 8
	subAck      = 9
	unsubscribe = 10
	unsubAck    = 11
	pingReq     = 12
	pingResp    = 13
	disconnect  = 14
)

// Answers to connect.
const (
	accepted      = 0
	badVersion    = 1
	badIdentifier = 2
	badLogin      = 4
)

var errProtocol = errors.New("not MQTT 3.1.1")

// packet is one control packet without its length.
type packet struct {
	kind, flags byte
	body        reader
}

// readPacket reads a packet whose body has at most so many bytes.
func readPacket(r *bufio.Reader, most int) (p packet, err error) {
	first, err := r.ReadByte()
	if err != nil {
		return p, err
	}
	size := 0
	for shift := 0; ; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return p, err
		}
		if size |= int(b&0x7f) << shift; b < 0x80 {
			break
		}
		if shift == 21 {
			return p, errProtocol
		}
	}
	if size > most {
		return p, fmt.Errorf("a packet of %d bytes", size)
	}
	p = packet{kind: first >> 4, flags: first & 0xf, body: make(reader, size)}
	_, err = io.ReadFull(r, p.body)
	return p, err
}

// reader is what is left of a packet's body.
type reader []byte

func (r *reader) number() (uint16, error) {
	if len(*r) < 2 {
		return 0, errProtocol
	}
	n := binary.BigEndian.Uint16(*r)
	*r = (*r)[2:]
	return n, nil
}

func (r *reader) byte() (byte, error) {
	if len(*r) < 1 {
		return 0, errProtocol
	}
	b := (*r)[0]
	*r = (*r)[1:]
	return b, nil
}

func (r *reader) bytes() ([]byte, error) {
	n, err := r.number()
	if err != nil || len(*r) < int(n) {
		return nil, errProtocol
	}
	b := (*r)[:n]
	*r = (*r)[n:]
	return b, nil
}

// greeting is what a connect packet says.
type greeting struct {
	level                  byte
	keepAlive              uint16 // s; 0: none
	client, user, password string
}

// Flags of a connect packet.
const (
	reserved     = 1
	cleanSession = 1 << 1
	hasWill      = 1 << 2
	hasPassword  = 1 << 6
	hasUser      = 1 << 7
)

func (r *reader) greeting() (g greeting, err error) {
	name, err := r.bytes()
	if err != nil {
		return g, err
	}
	if g.level, err = r.byte(); err != nil {
		return g, err
	}
	if string(name) != "MQTT" || g.level != 4 {
		g.level = 0
		return g, nil
	}
	flags, err := r.byte()
	if err != nil || flags&reserved != 0 {
		return g, errProtocol
	}
	if g.keepAlive, err = r.number(); err != nil {
		return g, err
	}
	fields := []struct {
		there bool
		to    *string
	}{{true, &g.client}, {flags&hasWill != 0, new(string)}, {flags&hasWill != 0, new(string)}, {flags&hasUser != 0, &g.user}, {flags&hasPassword != 0, &g.password}}
	for _, f := range fields {
		if !f.there {
			continue
		}
		b, err := r.bytes()
		if err != nil {
			return g, err
		}
		*f.to = string(b)
	}
	if len(*r) > 0 || g.client == "" && flags&cleanSession == 0 {
		return g, errProtocol
	}
	return g, nil
}

// message is what a publish packet says.
type message struct {
	topic string
	qos   byte
	id    uint16
	body  []byte
}

func (p *packet) message() (m message, err error) {
	m.qos = p.flags >> 1 & 3
	topic, err := p.body.bytes()
	if err != nil || m.qos == 3 || len(topic) == 0 || slices.ContainsFunc(topic, func(b byte) bool { return b == '+' || b == '#' || b == 0 }) {
		return m, errProtocol
	}
	m.topic = string(topic)
	if m.qos > 0 {
		if m.id, err = p.body.number(); err != nil || m.id == 0 {
			return m, errProtocol
		}
	}
	m.body = p.body
	return m, nil
}

// filters reads the topics of a subscribe packet, or of an unsubscribe packet.
func (p *packet) filters() (id uint16, list []string, err error) {
	if id, err = p.body.number(); err != nil || id == 0 || p.flags != 2 {
		return 0, nil, errProtocol
	}
	for len(p.body) > 0 {
		b, err := p.body.bytes()
		if err != nil || len(b) == 0 {
			return 0, nil, errProtocol
		}
		if p.kind == subscribe {
			if qos, err := p.body.byte(); err != nil || qos > 2 {
				return 0, nil, errProtocol
			}
		}
		list = append(list, string(b))
	}
	if len(list) == 0 {
		return 0, nil, errProtocol
	}
	return id, list, nil
}

// matches says that a filter, which may have + and #, means the topic.
func matches(filter, topic string) bool {
	for {
		f, filterRest, more := strings.Cut(filter, "/")
		if f == "#" {
			return true
		}
		t, topicRest, deeper := strings.Cut(topic, "/")
		if f != "+" && f != t {
			return false
		}
		if !more || !deeper {
			return more == deeper || more && filterRest == "#"
		}
		filter, topic = filterRest, topicRest
	}
}

func appendPacket(b []byte, kind, flags byte, body ...byte) []byte {
	b = append(b, kind<<4|flags)
	n := len(body)
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(append(b, byte(n)), body...)
}

func appendAck(b []byte, kind byte, id uint16, codes ...byte) []byte {
	return appendPacket(b, kind, 0, append([]byte{byte(id >> 8), byte(id)}, codes...)...)
}

func appendMessage(b []byte, topic string, body []byte) []byte {
	return appendPacket(b, publish, 0, append(append(binary.BigEndian.AppendUint16(nil, uint16(len(topic))), topic...), body...)...)
}
