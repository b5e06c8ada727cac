// Package manifests_test renders what deploy/ has for Kubernetes and decodes it strictly:
// an unknown field is an error, as the API server would have it. It is a module of its
// own, so that Brigata does not depend on Kubernetes.
package manifests_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

var kinds = map[string]func() any{
	"Namespace":               func() any { return &corev1.Namespace{} },
	"Service":                 func() any { return &corev1.Service{} },
	"StatefulSet":             func() any { return &appsv1.StatefulSet{} },
	"DaemonSet":               func() any { return &appsv1.DaemonSet{} },
	"PodDisruptionBudget":     func() any { return &policyv1.PodDisruptionBudget{} },
	"HorizontalPodAutoscaler": func() any { return &autoscalingv2.HorizontalPodAutoscaler{} },
	"NetworkPolicy":           func() any { return &networkingv1.NetworkPolicy{} },
}

// rendered is what kubectl apply -k would send for an overlay with these components, by kind
// and name.
func rendered(t *testing.T, components ...string) map[string]any {
	t.Helper()
	base, err := filepath.Abs("../../deploy/kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if base, err = filepath.Rel(overlay, base); err != nil {
		t.Fatal(err)
	}
	text := "resources: [" + base + "]\n"
	for i, c := range components {
		components[i] = filepath.Join(base, c)
	}
	if len(components) > 0 {
		text += "components: [" + strings.Join(components, ", ") + "]\n"
	}
	if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), overlay)
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string]any{}
	for _, r := range out.Resources() {
		b, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		made := kinds[r.GetKind()]
		if made == nil {
			t.Fatalf("%s is of a kind that this test does not know", r.CurId())
		}
		x := made()
		if err := yaml.UnmarshalStrict(b, x); err != nil {
			t.Errorf("%s: %v", r.CurId(), err)
		}
		objects[r.GetKind()+"/"+r.GetName()] = x
	}
	return objects
}

func TestKubernetes(t *testing.T) {
	all := rendered(t)
	set, ok := all["StatefulSet/brigata"].(*appsv1.StatefulSet)
	if !ok {
		t.Fatal("no StatefulSet")
	}
	want := map[string]string{"app.kubernetes.io/name": "brigata"}
	for name, got := range map[string]map[string]string{
		"the set's selector": set.Spec.Selector.MatchLabels, "its pods": set.Spec.Template.Labels,
		"the service": all["Service/brigata"].(*corev1.Service).Spec.Selector,
		"the nodes":   all["Service/brigata-nodes"].(*corev1.Service).Spec.Selector,
		"the budget":  all["PodDisruptionBudget/brigata"].(*policyv1.PodDisruptionBudget).Spec.Selector.MatchLabels,
		"the policy":  all["NetworkPolicy/brigata"].(*networkingv1.NetworkPolicy).Spec.PodSelector.MatchLabels,
	} {
		if got["app.kubernetes.io/name"] != want["app.kubernetes.io/name"] {
			t.Errorf("%s has labels %v", name, got)
		}
	}
	pod := set.Spec.Template.Spec
	c := pod.Containers[0]
	switch {
	case set.Spec.ServiceName != "brigata-nodes" || all["Service/brigata-nodes"].(*corev1.Service).Spec.ClusterIP != "None":
		t.Error("nodes do not find one another by name")
	case !*pod.SecurityContext.RunAsNonRoot || *c.SecurityContext.AllowPrivilegeEscalation || !*c.SecurityContext.ReadOnlyRootFilesystem:
		t.Error("a node has rights that it does not need")
	case c.ReadinessProbe.HTTPGet.Path != "/readyz" || c.LivenessProbe.HTTPGet.Path != "/healthz" || c.Lifecycle.PreStop == nil:
		t.Error("a drain is not honoured")
	case pod.Affinity.PodAntiAffinity == nil || len(pod.TopologySpreadConstraints) == 0:
		t.Error("nodes may share a host or a zone")
	case c.Resources.Limits.Memory().IsZero():
		t.Error("memory has no limit")
	}
	for _, e := range c.Env {
		if e.Name == "BRIGATA_DATABASE_URL" && (e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil) {
			t.Error("the database's URL is no secret")
		}
	}
}

// TestComponents renders what an installation may add.
func TestComponents(t *testing.T) {
	all := rendered(t, "boxes", "queue-depth")
	pod := all["StatefulSet/brigata"].(*appsv1.StatefulSet).Spec.Template
	for _, flag := range []string{"--edge-listen=0.0.0.0:7422", "--edge-authority=/edge/authority.pem"} {
		if !slices.Contains(pod.Spec.Containers[0].Args, flag) {
			t.Errorf("no node has %s", flag)
		}
	}
	hpa := all["HorizontalPodAutoscaler/brigata"].(*autoscalingv2.HorizontalPodAutoscaler)
	for i := range hpa.Spec.MaxReplicas {
		name := fmt.Sprintf("brigata-%d", i)
		s, ok := all["Service/brigata-boxes-"+strconv.Itoa(int(i))].(*corev1.Service)
		if !ok || s.Spec.Selector["statefulset.kubernetes.io/pod-name"] != name || s.Spec.Ports[0].Port != 7422 || s.Namespace != "brigata" {
			t.Errorf("boxes do not reach %s", name)
		}
	}
	if m := hpa.Spec.Metrics; len(m) != 2 || m[1].Pods == nil || m[1].Pods.Metric.Name != "brigata_commands_inflight" {
		t.Errorf("it does not scale by its queue: %v", m)
	}
	if p, ok := all["NetworkPolicy/brigata-boxes"].(*networkingv1.NetworkPolicy); !ok || p.Spec.PodSelector.MatchLabels["app.kubernetes.io/name"] != "brigata" || p.Namespace != "brigata" {
		t.Error("boxes are not let in")
	}
}

// TestCompose loads the compose file as docker compose does.
func TestCompose(t *testing.T) {
	o, err := cli.NewProjectOptions([]string{"../../deploy/compose.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postgres", "node-1", "node-2", "node-3", "prometheus", "grafana"} {
		if _, err := p.GetService(name); err != nil {
			t.Error(err)
		}
	}
	for _, s := range p.Services {
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s is open to the network at %s", s.Name, port.Published)
			}
		}
	}
}

// TestUnits looks for what systemd units must have.
func TestUnits(t *testing.T) {
	units, err := filepath.Glob("../../deploy/systemd/*.service")
	if err != nil || len(units) == 0 {
		t.Fatal(units, err)
	}
	for _, file := range units {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, need := range []string{"[Unit]\n", "[Service]\n", "[Install]\n", "DynamicUser=yes\n", "NoNewPrivileges=yes\n", "ProtectSystem=strict\n", "Restart=always\n"} {
			if !bytes.Contains(b, []byte(need)) {
				t.Errorf("%s lacks %s", file, need)
			}
		}
	}
}
