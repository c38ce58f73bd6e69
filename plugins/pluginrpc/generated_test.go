package pluginrpc_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

var update = flag.Bool("update", false, "write the generated code")

// source is the definition, by its path in the module, root: protobuf wants names that no
// other module has.
const (
	root   = "../.."
	source = "plugins/pluginrpc/transport.proto"
)

// generators are the tools, pinned in .tools, that write one file each.
var generators = []string{"protoc-gen-go", "protoc-gen-go-grpc"}

// The code that is checked in is what the pinned tools make of transport.proto. With
// -update the test writes it: neither needs protoc.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	request := compile(t)
	for _, generator := range generators {
		for name, want := range generate(t, generator, request) {
			if *update {
				if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := os.ReadFile(name); err != nil || string(got) != want {
				t.Errorf("%s is not what %s makes of %s (%v): run go generate ./plugins/pluginrpc", name, generator, source, err)
			}
		}
	}
}

// compile returns what protoc would give to a generator.
func compile(t *testing.T) []byte {
	t.Helper()
	compiler := protocompile.Compiler{
		Resolver:       &protocompile.SourceResolver{ImportPaths: []string{root}},
		SourceInfoMode: protocompile.SourceInfoStandard, // the comments
	}
	files, err := compiler.Compile(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	request, err := proto.Marshal(&pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{source},
		Parameter:      new("paths=source_relative"),
		ProtoFile:      []*descriptorpb.FileDescriptorProto{protoutil.ProtoFromFileDescriptor(files[0])},
	})
	if err != nil {
		t.Fatal(err)
	}
	return request
}

// generate returns the files that a generator makes.
func generate(t *testing.T, generator string, request []byte) map[string]string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "tool", "-modfile="+filepath.Join(root, ".tools/go.mod"), generator)
	command.Stdin = bytes.NewReader(request)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v", generator, err)
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(out, &response); err != nil {
		t.Fatalf("%s: %v", generator, err)
	}
	if response.GetError() != "" || len(response.GetFile()) != 1 {
		t.Fatalf("%s: %d files, error %q", generator, len(response.GetFile()), response.GetError())
	}
	files := map[string]string{}
	for _, file := range response.GetFile() {
		files[filepath.Join(root, file.GetName())] = file.GetContent()
	}
	return files
}
