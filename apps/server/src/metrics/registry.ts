// Counters, gauges and histograms in Prometheus' text form (exposition format 0.0.4).

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  lines(): string[];
}

export class Registry {
  readonly #metrics: Metric[] = [];

  /** A counter with at most one label. */
  counter(name: string, help: string, label?: string): Counter {
    return this.#add(new Counter(name, help, label));
  }

  gauge(name: string, help: string, read: () => number): void {
    this.#add({ name, help, type: "gauge", lines: () => [`${name} ${read()}`] });
  }

  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    return this.#add(new Histogram(name, help, bounds));
  }

  text(): string {
    const blocks = this.#metrics.map((metric) => {
      const { name, help, type } = metric;
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...metric.lines()].join("\n");
    });
    return `${blocks.join("\n")}\n`;
  }

  #add<M extends Metric>(metric: M): M {
    this.#metrics.push(metric);
    return metric;
  }
}

export class Counter implements Metric {
  readonly type = "counter";
  #total = 0;
  readonly #byLabel = new Map<string, number>();

  constructor(
    readonly name: string,
    readonly help: string,
    readonly label?: string,
  ) {}

  /** `value` is the label's; it has to come from a fixed set. */
  add(value?: string): void {
    if (value === undefined) this.#total += 1;
    else this.#byLabel.set(value, (this.#byLabel.get(value) ?? 0) + 1);
  }

  lines(): string[] {
    if (this.label === undefined) return [`${this.name} ${this.#total}`];
    return [...this.#byLabel].map(([value, count]) => `${this.name}{${this.label}="${value}"} ${count}`);
  }
}

export class Histogram implements Metric {
  readonly type = "histogram";
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(
    readonly name: string,
    readonly help: string,
    readonly bounds: readonly number[],
  ) {
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.#sum += value;
    this.#count += 1;
    const bucket = this.bounds.findIndex((bound) => value <= bound);
    if (bucket >= 0) this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
  }

  lines(): string[] {
    let below = 0;
    const buckets = this.bounds.map((bound, index) => {
      below += this.#counts[index] ?? 0;
      return `${this.name}_bucket{le="${bound}"} ${below}`;
    });
    return [
      ...buckets,
      `${this.name}_bucket{le="+Inf"} ${this.#count}`,
      `${this.name}_sum ${this.#sum}`,
      `${this.name}_count ${this.#count}`,
    ];
  }
}
