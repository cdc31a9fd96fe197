package answer

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"
)

// Field is one field of a JSON answer, for the reference.
type Field struct {
	Name  string // with what it is in: gates[].state
	Type  string
	About string // of the tag about; empty: the name says it
}

// Fields lists the fields of an answer in the order they are printed.
func Fields(v any) []Field {
	var out []Field
	walk(reflect.TypeOf(v), "", map[reflect.Type]bool{}, &out)
	return out
}

func walk(t reflect.Type, before string, within map[reflect.Type]bool, out *[]Field) {
	lists := 0
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		if t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 {
			lists++
		}
		t = t.Elem()
	}
	before += strings.Repeat("[]", lists)
	if t.Kind() != reflect.Struct || within[t] {
		return
	}
	within[t] = true
	defer delete(within, t)
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() && !f.Anonymous || name == "-" {
			continue
		}
		if f.Anonymous && name == "" {
			walk(f.Type, before, within, out)
			continue
		}
		if name == "" {
			name = f.Name
		}
		if before != "" {
			name = before + "." + name
		}
		*out = append(*out, Field{strings.TrimPrefix(name, "[]."), typeName(f.Type), f.Tag.Get("about")})
		if !leaf(f.Type) {
			walk(f.Type, strings.TrimPrefix(name, "[]."), within, out)
		}
	}
}

// leaf reports a type that is one value in JSON whatever it is made of.
func leaf(t reflect.Type) bool {
	return t == reflect.TypeFor[time.Time]() || t.Implements(reflect.TypeFor[json.Marshaler]())
}

func typeName(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[Time](), t == reflect.TypeFor[time.Time]():
		return "time"
	case leaf(t):
		return "text"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.Struct:
		return "object"
	case reflect.Map:
		return "object of " + typeName(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "Base64"
		}
		return "list of " + typeName(t.Elem())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64:
		return "number"
	default:
		return "text"
	}
}
