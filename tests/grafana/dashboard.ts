// What a dashboard's JSON may hold: Grafana's own types, sharpened by the kind of each panel.
import type * as grafana from '@grafana/schema';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.d.ts';
import type { Options as TableOptions, FieldConfig as TableFields } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen.d.ts';
import type { Options as LineOptions, FieldConfig as LineFields } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.d.ts';

// JSON holds an enum's values, not its members
type Json<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Json<T[K]> } : T;

type Source = { type: 'prometheus'; uid: '${datasource}' };

// The Prometheus data source publishes no types: this is what its query editor writes.
type Target = {
  refId: string;
  datasource: Source;
  expr: string;
  legendFormat: string;
  instant: boolean;
  range: boolean;
  format: 'time_series' | 'table';
  exemplar?: boolean;
};

type Panel<Kind extends string, Options, Fields> = {
  id: number;
  type: Kind;
  title: string;
  description: string;
  datasource: Source;
  gridPos: Required<Pick<grafana.GridPos, 'x' | 'y' | 'w' | 'h'>>;
  targets: Target[];
  transformations: Json<grafana.DataTransformerConfig>[];
  options: Json<Options>;
  fieldConfig: {
    defaults: Json<Omit<grafana.FieldConfig, 'custom'>> & { custom: Json<Partial<Fields>> };
    overrides: { matcher: grafana.MatcherConfig; properties: { id: string; value: unknown }[] }[];
  };
};

export type Dashboard = Json<Omit<grafana.Dashboard, 'panels' | 'annotations'>> & {
  uid: string;
  title: string;
  panels: (
    | Panel<'stat', StatOptions, {}>
    | Panel<'table', TableOptions, TableFields>
    | Panel<'timeseries', LineOptions, LineFields>
  )[];
  annotations: {
    list: (Omit<grafana.AnnotationQuery, 'target'> & {
      target: { refId: string; expr: string; legendFormat: string };
      useValueForTime: 'on';
      titleFormat: string;
      textFormat: string;
    })[];
  };
};
