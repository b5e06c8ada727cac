package gateway

import (
	"context"
	_ "embed"
	"net/http"
	"path"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/brigata/brigata/actors/refusal"
)

// endpoint is one operation of the REST API: how it is described, and who may use it.
type endpoint struct {
	method, path string
	summary      string
	tag          string
	permission   string // "": any token, and the handler checks for itself
	public       bool   // no token is needed; the rate of the address is limited
	anyStore     bool   // the path's store need not be one of the token's, nor exist
	remembers    bool   // it may be answered though the store does not answer
	status       int    // of success; 0: 200
	body         any    // a value of the request body's type; nil: none
	bodyNote     string
	reply        any      // a value of the answer's type; nil: no body
	types        []string // media types of an answer that is no JSON
}

// newAPI describes the operations as OpenAPI 3.1 and reads their parameters.
func newAPI(m *http.ServeMux) huma.API {
	problemsOnce.Do(func() { huma.NewError = humaProblem })
	c := huma.DefaultConfig("Brigata", "1")
	c.Info.Description = "A real-time ordering engine for restaurants. Refusals are problem details (RFC 9457) with a stable code; " +
		"every POST that changes something takes an Idempotency-Key, a UUIDv7, and a repeat gets the first answer. " +
		"Live topics and the same commands are on the WebSocket /v1/ws, described at /asyncapi.yaml."
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"}}
	c.CreateHooks = nil // no $schema in bodies
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "/openapi", "", ""
	return humago.New(m, c)
}

// schemaName names a schema by its type, and by its package where that is one of the
// kinds of entities, which all have the same names.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	name, arg, generic := strings.Cut(t.Name(), "[")
	switch {
	case name == "":
		return huma.DefaultSchemaNamer(t, hint)
	case !generic:
		return kindName(path.Base(t.PkgPath()), name)
	case strings.HasPrefix(arg, "map["):
		return "Any" + title(name)
	}
	of, arg, _ := strings.Cut(path.Base(strings.TrimSuffix(arg, "]")), ".")
	return kindName(of, arg) + title(name)
}

func kindName(of, name string) string {
	switch of {
	case "gateway", "auth", "wire", "command", "refusal", strings.ToLower(name):
		return title(name)
	}
	return title(of) + title(name)
}

func title(s string) string { return string(unicode.ToUpper(rune(s[0]))) + s[1:] }

// problemsOnce guards huma's hook for errors, of which the process has one.
var problemsOnce sync.Once

// humaProblem is what huma finds wrong with a request's parameters, in our words.
func humaProblem(status int, message string, errs ...error) huma.StatusError {
	var faults []refusal.Fault
	for _, err := range errs {
		at := "/"
		if d, ok := err.(huma.ErrorDetailer); ok {
			_, name, _ := strings.Cut(d.ErrorDetail().Location, ".")
			at += strings.ReplaceAll(name, ".", "/")
		}
		faults = append(faults, refusal.Fault{At: at, Reason: "range"})
	}
	switch {
	case len(faults) > 0 && status == http.StatusUnprocessableEntity:
		return problemOf(refusal.Faults(faults...))
	case status < 500:
		return problemOf(refusal.New(refusal.BadRequest, "type", message))
	}
	return problemOf(refusal.New(refusal.Internal, "", "Internal error"))
}

type callKey struct{}

// route adds an operation. h gets the parameters, and answers through the call; what it
// returns is answered as a problem.
func route[I any](s *Server, api huma.API, e endpoint, h func(*call, *I) *refusal.Refusal) {
	op := e.operation(api)
	op.Middlewares = huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		c := &call{w, r, nil, r.PathValue("store")}
		if bad := s.enterCall(c, &e); bad != nil {
			writeProblem(w, bad)
			return
		}
		next(huma.WithValue(ctx, callKey{}, c))
	}}
	huma.Register(api, op, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		c := ctx.Value(callKey{}).(*call)
		return &huma.StreamResponse{Body: func(huma.Context) {
			bad := h(c, in)
			s.auditCall(c, &e, bad)
			if bad != nil {
				writeProblem(c.ResponseWriter, bad)
			}
		}}, nil
	})
	e.describeBody(api)
}

// describe documents an operation that is served without huma.
func describe[I any](api huma.API, e *endpoint) {
	elsewhere := humago.New(http.NewServeMux(), huma.Config{OpenAPI: api.OpenAPI(), Formats: huma.DefaultFormats})
	huma.Register(elsewhere, e.operation(api), func(context.Context, *I) (*struct{}, error) { return nil, nil })
}

// enterCall checks what can be checked before the parameters are read.
func (s *Server) enterCall(c *call, e *endpoint) *refusal.Refusal {
	if e.public {
		if !s.addresses.allow(address(c.Request), s.now()) {
			return tooMany("address")
		}
		return nil
	}
	bad := s.check(c, e)
	if bad == nil && c.store != "" && !e.anyStore && !e.remembers && s.config.Engine.Today(c.store) == nil {
		bad = s.away(c.store)
	}
	if bad != nil {
		s.auditCall(c, e, bad)
	}
	return bad
}

// away says why a store's values are not known.
func (s *Server) away(storeID string) *refusal.Refusal {
	if s.exists(storeID) {
		return errAway
	}
	return notFound("store", storeID)
}

func tooMany(scope string) *refusal.Refusal {
	return &refusal.Refusal{Code: refusal.RateLimited, Message: "Too many requests", Fields: refusal.Fields{Scope: scope}, AfterMS: 1000}
}

// operation describes e.
func (e *endpoint) operation(api huma.API) huma.Operation {
	status := e.status
	if status == 0 {
		status = http.StatusOK
	}
	op := huma.Operation{Method: e.method, Path: e.path, Summary: e.summary, Tags: []string{e.tag}, DefaultStatus: status,
		OperationID: operationID(e.method, e.path), Responses: map[string]*huma.Response{}}
	schemas := api.OpenAPI().Components.Schemas
	schema := func(v any) *huma.Schema { return schemas.Schema(reflect.TypeOf(v), true, "") }
	if !e.public {
		op.Security = []map[string][]string{{"token": {}}}
		if op.Description = "For anybody with a token; what they may do is looked up by command."; e.permission != "" {
			op.Description = "Needs the permission `" + e.permission + "`."
		}
	}
	ok := &huma.Response{Description: http.StatusText(status)}
	switch {
	case e.reply != nil:
		ok.Content = map[string]*huma.MediaType{"application/json": {Schema: schema(e.reply)}}
	case len(e.types) > 0:
		ok.Content = map[string]*huma.MediaType{}
		for _, t := range e.types {
			ok.Content[t] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
		}
	}
	op.Responses[strconv.Itoa(status)] = ok
	op.Responses["default"] = &huma.Response{Description: "A refusal",
		Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schema(problem{})}}}
	return op
}

// describeBody documents the request's body, which we read ourselves: huma would read it
// before the handler, and forgive duplicate keys.
func (e *endpoint) describeBody(api huma.API) {
	if e.body == nil {
		return
	}
	is := api.OpenAPI().Paths[e.path]
	op := is.Post
	if e.method == http.MethodPut {
		op = is.Put
	}
	op.RequestBody = &huma.RequestBody{Required: true, Description: e.bodyNote, Content: map[string]*huma.MediaType{
		"application/json": {Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(e.body), true, "")}}}
}

// operationID is made of the path's nouns: get-stores-orders-id.
func operationID(method, path string) string {
	id := strings.ToLower(method)
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/v1"), "/") {
		if part = strings.Trim(part, "{}"); part != "" && (part != "store" || strings.HasSuffix(path, "{store}")) {
			id += "-" + part
		}
	}
	return id
}

//go:embed docs.html
var docsPage []byte

// docs is the API's page for people: it reads /openapi.json and nothing from elsewhere.
func docs(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.Write(docsPage)
}
