/** How the connection does: charts of the last two minutes, and every stream in a line. */

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useApp } from '../context.ts';
import { type Moment, Network, type Row } from '../model/network.ts';
import { Chart } from './chart.tsx';

/** See the module. */
export function NetworkPanel(): JSX.Element {
  const app = useApp();
  const [network] = useState(() => new Network(app));
  useEffect(() => network.watch(), [network]);
  const moments = network.moments.value;
  const last = moments.at(-1);
  if (last === undefined) {
    return <p class="muted hint">{app.room.value === null ? 'There is a network to look at while you are in a room.' : 'Measuring …'}</p>;
  }
  const sound = app.firstSound.took.value;
  return (
    <div class="network">
      <Charts moments={moments} last={last} />
      <Streams rows={network.rows.value} />
      <dl class="facts">
        <Fact name="Signalling">{app.link.value}</Fact>
        <Fact name="Media">{app.transport.value}</Fact>
        <Fact name="Heartbeat">{millis(app.session?.connection?.roundTrip ?? null)}</Fact>
        <Fact name="Can send">{bits(network.available.value)}</Fact>
        {sound !== null && <Fact name="First sound after">{millis(sound)}</Fact>}
        <Fact name="Server">{serverText(app)}</Fact>
      </dl>
    </div>
  );
}

function Charts({ moments, last }: { moments: readonly Moment[]; last: Moment }): JSX.Element {
  const times = moments.map((moment) => moment.at);
  const of = (value: (moment: Moment) => number | null): (number | null)[] => moments.map(value);
  return (
    <>
      <Figure name="Round trip" value={millis(last.roundTrip)}>
        <Chart times={times} lines={[{ label: 'round trip', colour: 'accent', values: of((it) => it.roundTrip) }]} format={millis} atLeast={20} />
      </Figure>
      <Figure name="Loss" value={percent(last.loss)}>
        <Chart times={times} lines={[{ label: 'loss', colour: 'bad', values: of((it) => it.loss) }]} format={percent} atLeast={0.05} />
      </Figure>
      <Figure name="Jitter" value={millis(last.jitter)}>
        <Chart times={times} lines={[{ label: 'jitter', colour: 'warn', values: of((it) => it.jitter) }]} format={millis} atLeast={20} />
      </Figure>
      <Figure name="Bitrate" value={`${bits(last.down)} in, ${bits(last.up)} out`}>
        <Chart
          times={times}
          lines={[
            { label: 'in', colour: 'accent', values: of((it) => it.down) },
            { label: 'out', colour: 'good', values: of((it) => it.up) },
          ]}
          format={bits}
          atLeast={100_000}
        />
      </Figure>
    </>
  );
}

function Figure({ name, value, children }: { name: string; value: string; children: JSX.Element }): JSX.Element {
  return (
    <figure>
      <figcaption>
        <span>{name}</span>
        <strong>{value}</strong>
      </figcaption>
      {children}
    </figure>
  );
}

function Streams({ rows }: { rows: readonly Row[] }): JSX.Element {
  return (
    <table>
      <caption class="visually-hidden">Streams</caption>
      <thead>
        <tr>
          <th scope="col">Stream</th>
          <th scope="col">Bitrate</th>
          <th scope="col">Loss</th>
          <th scope="col">Jitter</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <StreamRow key={row.key} row={row} />
        ))}
      </tbody>
    </table>
  );
}

function StreamRow({ row }: { row: Row }): JSX.Element {
  const app = useApp();
  const who = row.user === null ? 'You' : app.world.nameOf(row.user, app.room.value?.guild);
  const what = row.live ? (row.kind === 'video' ? 'screen' : 'screen sound') : row.kind === 'video' ? 'camera' : 'voice';
  return (
    <tr>
      <th scope="row">
        {who}, {what}
        <span class="muted">{[row.codec ?? 'no codec yet', ...layerText(row)].join(', ')}</span>
      </th>
      <td>{bits(row.bitrate)}</td>
      <td>{percent(row.loss)}</td>
      <td>{millis(row.jitter)}</td>
    </tr>
  );
}

/** The layer of a picture: the server's choice shows in its size. */
function layerText(row: Row): string[] {
  if (row.kind === 'audio' || row.height === null) return [];
  const rate = row.framesPerSecond === null ? '' : `, ${Math.round(row.framesPerSecond)}/s`;
  const why = row.limitation === 'cpu' || row.limitation === 'bandwidth' ? [`limited by ${row.limitation}`] : [];
  return [`${row.width}×${row.height}${rate}`, ...why];
}

function Fact({ name, children }: { name: string; children: string }): JSX.Element {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function serverText(app: ReturnType<typeof useApp>): string {
  const version = app.session?.connection?.version;
  return version ? `voice ${version.voice}, media ${version.rtc_worker}` : '–';
}

const millis = (value: number | null): string =>
  value === null ? '–' : value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
const percent = (value: number): string => `${(value * 100).toFixed(value < 0.0995 ? 1 : 0)} %`;
const bits = (value: number | null): string => {
  if (value === null) return '–';
  return value >= 1e6 ? `${(value / 1e6).toFixed(1)} Mbit/s` : `${Math.round(value / 1e3)} kbit/s`;
};
