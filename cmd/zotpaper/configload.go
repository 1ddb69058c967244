package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/spf13/viper"

	"github.com/zotpaper/zotpaper"
)

// loadConfig reads the configuration: the defaults of the embedded
// config.yaml, over them the file, over both the variables of environ (as
// os.Environ returns them). It returns a *ConfigError that names everything
// that is wrong with the configuration, or another error if file cannot be
// read at all.
func loadConfig(file string, environ []string) (*Config, error) {
	c, origins, found, err := readConfig(file, environ)
	if err != nil {
		return nil, err
	}
	check(c, origins, found)
	if err := found.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// readConfig reads the configuration without judging the values. Where
// something was unreadable, found says so and the default stands in its place.
func readConfig(file string, environ []string) (*Config, map[string]origin, *problems, error) {
	text, err := readBounded(file, maxConfigBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil, fmt.Errorf(`%s: no such file; "zotpaper init" writes one, --config names another`, file)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	basic := &problems{file: "built-in config.yaml"}
	defaults := (&yamlReader{problems: basic, lines: map[string]int{}}).read(zotpaper.ConfigYAML)
	if err := basic.err(); err != nil {
		return nil, nil, nil, err // a test keeps this from happening
	}

	found := &problems{file: file}
	reader := &yamlReader{problems: found, lines: map[string]int{}}
	given := reader.read(text)
	origins := make(map[string]origin, len(reader.lines))
	for path, line := range reader.lines {
		origins[path] = origin{line: line}
	}
	fillSlots(given, defaults)
	c, err := layer(defaults, given, readEnvironment(environ, origins, found))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	c.File = file
	return c, origins, found, nil
}

// An origin is where a value came from. The zero origin stands for the
// defaults.
type origin struct {
	line     int    // of the file
	variable string // of the environment
}

// layer puts the values of file over the defaults and those of the environment
// over both. A list is replaced as a whole, never merged.
func layer(defaults, file, environment map[string]any) (*Config, error) {
	// Neither the "." nor the global viper: a dot would split a value's key,
	// and a configuration that is being read must not disturb the one in use.
	v := viper.NewWithOptions(viper.KeyDelimiter("::"))
	flatten(defaults, "", v.SetDefault)
	if err := v.MergeConfigMap(file); err != nil {
		return nil, err
	}
	flatten(environment, "", v.Set)
	c := new(Config)
	if err := v.UnmarshalExact(c); err != nil {
		return nil, err
	}
	return c, nil
}

// flatten calls set for each value of tree that is no section.
func flatten(tree map[string]any, prefix string, set func(key string, value any)) {
	for name, value := range tree {
		if section, ok := value.(map[string]any); ok {
			flatten(section, prefix+name+"::", set)
			continue
		}
		set(prefix+name, value)
	}
}

// fillSlots gives each slot of file what it leaves out: the values of the
// default slot, but no sections, which are that paper's own, and the list that
// bears the slot's name. What has no default is asked for by the check.
func fillSlots(file, defaults map[string]any) {
	slots, _ := file["slots"].([]map[string]any)
	model := defaults["slots"].([]map[string]any)[0]
	for _, slot := range slots {
		for _, name := range []string{"minimum", "maximum", "approval", "catch_up", "expire"} {
			if _, given := slot[name]; !given {
				slot[name] = model[name]
			}
		}
		if _, given := slot["list"]; !given {
			slot["list"] = slot["id"]
		}
	}
}

// envPrefix begins the variables that override the configuration.
const envPrefix = "ZOTPAPER_"

// variableOf returns the variable that overrides the key at path.
func variableOf(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// readEnvironment returns the values that environ has for our keys, and notes
// their origin. A variable that looks like ours and is not is a problem: it
// was set in the belief that it does something.
func readEnvironment(environ []string, origins map[string]origin, found *problems) map[string]any {
	keys, paths, known := map[string]configKey{}, map[string]string{}, []string{}
	leaves(new(Config), func(path string, k configKey, _ reflect.Value) {
		if k.shape != slotList {
			name := variableOf(path)
			keys[name], paths[name] = k, path
			known = append(known, name)
		}
	})
	values := map[string]any{}
	for _, entry := range environ {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || foreignVariable(name) {
			continue
		}
		k, ok := keys[name]
		if !ok {
			found.add(ConfigProblem{Variable: name, Text: unknownVariable(name, known)})
			continue
		}
		v, want := variableValue(text, k.shape)
		if want != "" {
			found.add(ConfigProblem{Variable: name, Key: paths[name], Text: fmt.Sprintf("want %s, got %q", want, text)})
			continue
		}
		origins[paths[name]] = origin{variable: name}
		put(values, strings.Split(paths[name], "."), v)
	}
	return values
}

func unknownVariable(name string, known []string) string {
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("unknown variable; did you mean %s?", near)
	}
	return "unknown variable; unset it, or name a key: smtp.password is " + variableOf("smtp.password")
}

// foreignVariable reports whether name, which begins like one of ours, belongs
// to somebody else: to our own tests, or to Kubernetes and Docker, which
// announce a service called zotpaper to its neighbors by such variables.
func foreignVariable(name string) bool {
	rest := strings.TrimPrefix(name, envPrefix)
	return rest == "NO_SKIP" || strings.HasPrefix(rest, "TEST_") || strings.HasPrefix(rest, "SERVICE_") ||
		rest == "PORT" || strings.HasPrefix(rest, "PORT_")
}

// variableValue returns text as a value of shape s, or else what it wants to
// see. A list is separated by commas; that of the feeds has their addresses.
func variableValue(text string, s shape) (v any, want string) {
	if s != aList && s != feedList {
		return parseScalar(text, s)
	}
	list := []string{}
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	if s == feedList {
		feeds := make([]map[string]any, len(list))
		for i, address := range list {
			feeds[i] = feedOf(address)
		}
		return feeds, ""
	}
	return list, ""
}

// put stores v in tree under path.
func put(tree map[string]any, path []string, v any) {
	for _, name := range path[:len(path)-1] {
		if _, ok := tree[name]; !ok {
			tree[name] = map[string]any{}
		}
		tree = tree[name].(map[string]any)
	}
	tree[path[len(path)-1]] = v
}

// readBounded returns the content of a file of at most limit bytes.
func readBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%s: larger than %d KiB; is it the right file?", name, limit>>10)
	}
	return text, nil
}

// resolve returns path as seen from the folder of the configuration file.
func resolve(path, configFile string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(configFile), path)
}
