// Collector is an OpenTelemetry collector made of its modules: it takes OTLP over HTTP, and prints
// what came. It is built and run by the test of cmd/internal/otlp that make collector runs.
package main

import (
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/debugexporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

const config = `yaml:
receivers: {otlp: {protocols: {http: {endpoint: %q}}}}
exporters: {debug: {verbosity: detailed}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [debug]}}
`

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "collector: give the HOST:PORT to listen on")
		os.Exit(2)
	}
	factories := func() (otelcol.Factories, error) {
		in, out := otlpreceiver.NewFactory(), debugexporter.NewFactory()
		return otelcol.Factories{
			Telemetry: otelconftelemetry.NewFactory(),
			Receivers: map[component.Type]receiver.Factory{in.Type(): in},
			Exporters: map[component.Type]exporter.Factory{out.Type(): out},
		}, nil
	}
	c, err := otelcol.NewCollector(otelcol.CollectorSettings{
		BuildInfo: component.NewDefaultBuildInfo(),
		Factories: factories,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs:              []string{fmt.Sprintf(config, os.Args[1])},
			ProviderFactories: []confmap.ProviderFactory{yamlprovider.NewFactory()},
		}},
	})
	if err == nil {
		err = c.Run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "collector:", err)
		os.Exit(1)
	}
}
