package boards

import (
	"testing"

	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/workorder"
)

func TestSensors(t *testing.T) {
	k := newKit(t)
	early := k.open("sensors", Client{})
	k.put(&sensor.View{ID: "walkin-1", State: sensor.Alert})
	k.put(&workorder.View{ID: "w1", State: workorder.Opened})
	early.want("an alert", "sensor/walkin-1", "workorder/w1")
	late := k.open("sensors", Client{})
	late.want("for those who come later", "sensor/walkin-1", "workorder/w1")
	k.publish(&workorder.View{ID: "w1", State: workorder.Finished}, false)
	k.publish(&sensor.View{ID: "walkin-1"}, false)
	early.want("done, and out of service")
	k.open("sensors", Client{}).want("for those who come later still")
	if b := k.find("s1"); len(b.works) != 0 {
		t.Error("what is done is kept")
	}
}
