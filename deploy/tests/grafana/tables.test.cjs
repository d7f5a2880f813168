// What Grafana makes of the tables of the dashboards, by @grafana/data: which frames it takes for time series, and what
// remains after a panel's transformations. `timeSeriesTable` is part of Grafana's application and not of its packages, so a
// stand-in does what its documentation says: each frame that isTimeSeriesFrame takes becomes rows with a trend.
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { test } = require('node:test');
const { map } = require('rxjs/operators');
const { firstValueFrom } = require('rxjs');
// The package expects a browser when it is loaded. What it does there is of no use here.
const anything = new Proxy(function () {}, {
  get: (_, name) => (name === Symbol.toPrimitive ? () => '' : anything),
  apply: () => anything,
  construct: () => anything,
  set: () => true,
});
Object.assign(globalThis, { window: anything, document: anything });
const {
  FieldType, createDataFrame, isTimeSeriesFrame, standardTransformers, standardTransformersRegistry, transformDataFrame,
} = require('@grafana/data');

const trends = {
  id: 'timeSeriesTable',
  operator: () => (source) => source.pipe(map((frames) => {
    const rest = frames.filter((frame) => !isTimeSeriesFrame(frame));
    const series = frames.filter(isTimeSeriesFrame);
    const rows = series.map((frame) => ({ frame, labels: frame.fields.find((field) => field.type === FieldType.number)?.labels ?? {} }));
    const names = [...new Set(rows.flatMap(({ labels }) => Object.keys(labels)))];
    const fields = names.map((name) => ({ name, type: FieldType.string, values: rows.map(({ labels }) => labels[name]) }));
    fields.push({ name: 'Trend', type: FieldType.frame, values: rows.map(({ frame }) => frame) });
    return series.length ? [...rest, createDataFrame({ refId: series[0].refId, fields })] : rest;
  })),
};

standardTransformersRegistry.setInit(() => [
  ...[...new Map(Object.values(standardTransformers).map((one) => [one.id, one])).values()].map((transformation) => ({
    id: transformation.id, name: transformation.name, transformation, imageDark: '', imageLight: '',
  })),
  { id: trends.id, name: trends.id, transformation: trends, imageDark: '', imageLight: '' },
]);

function panel(dashboard, title) {
  const path = join(__dirname, '..', '..', 'grafana', 'dashboards', `railwatch-${dashboard}.json`);
  return JSON.parse(readFileSync(path)).panels.find((one) => one.title === title);
}

// As the Infinity data source answers: a column for each of the query's, one row for each site.
function sitesOf(target, ids) {
  const value = { string: (id) => id, number: () => 7, timestamp: () => 1696500000000 };
  const type = { string: FieldType.string, number: FieldType.number, timestamp: FieldType.time };
  return createDataFrame({
    refId: target.refId,
    fields: target.columns.map((column) => ({ name: column.text, type: type[column.type], values: ids.map(value[column.type]) })),
  });
}

// As Prometheus answers: a frame for each series.
function countsOf(target, ids) {
  return ids.map((site) => createDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: [1, 2, 3] },
      { name: 'Value', type: FieldType.number, labels: { site }, values: [1, 2, 3] },
    ],
  }));
}

async function shown(ids) {
  const { targets: [a, b], transformations } = panel('sites', 'Sites');
  return firstValueFrom(transformDataFrame(transformations, [sitesOf(a, ids), ...countsOf(b, ids)]));
}

test('the rows of one site look like a time series to Grafana, so they must be kept from what makes trends', () => {
  const [a] = panel('sites', 'Sites').targets;
  assert.equal(isTimeSeriesFrame(sitesOf(a, ['tumangang'])), true);
});

for (const ids of [['tumangang'], ['khasan', 'tumangang', 'vladivostok']]) {
  test(`the table of ${ids.length} site(s) has a row for each, with its state, its count and its trend`, async () => {
    const [frame, ...others] = await shown(ids);
    assert.deepEqual(others, []);
    const column = (name) => frame.fields.find((field) => (field.config?.displayName ?? field.name) === name);
    assert.deepEqual([...column('Site').values], ids);
    for (const name of ['Name', 'State', 'Count', 'Threshold', 'Last clear look', 'Trend']) {
      assert.equal(column(name)?.values.length, ids.length, name);
    }
    assert.equal(column('Trend').type, FieldType.frame);
  });
}

test('the table of alerts that fire shows what an operator reads, and no columns of Prometheus', async () => {
  const { transformations } = panel('pipeline', 'Alerts that fire');
  const names = ['Time', '__name__', 'alertname', 'alertstate', 'job', 'namespace', 'severity', 'Value'];
  const fields = names.map((name) => ({ name, type: FieldType.string, values: [name] }));
  const [frame] = await firstValueFrom(transformDataFrame(transformations, [createDataFrame({ refId: 'A', fields })]));
  const left = frame.fields.map((field) => field.config?.displayName ?? field.name);
  assert.deepEqual(left.sort(), ['Alert', 'Namespace', 'Service', 'Severity']);
});
