/** What to put on a board, with host and topic filled in. Pure text; nothing is sent. */

export interface Reach {
  host: string;
  port: number;
  http: string;
  /** Legal to publish to; see `topicFault`. */
  topic: string;
}

export type TopicFault = 'empty' | 'wildcard' | 'dollar' | 'long';
const topicMost = 200;

/** What keeps a topic from being published to by any board. */
export function topicFault(topic: string): TopicFault | null {
  if (topic.trim() === '') return 'empty';
  if (/[+#]/.test(topic)) return 'wildcard';
  if (topic.startsWith('$')) return 'dollar';
  return topic.length > topicMost ? 'long' : null;
}

/** In a string of C, of YAML and of JSON the same two characters need a backslash. */
const quoted = (text: string) => `"${text.replace(/[\\"]/g, (one) => `\\${one}`)}"`;
/** In single quotes of a shell. */
const inShell = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** The device as a single word, from the topic. */
export function wordOf(topic: string): string {
  const levels = topic.split('/').filter(Boolean);
  const told = levels.length > 1 ? levels.slice(0, -1) : levels;
  const word = (told.at(-1) ?? '').toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return word.replace(/^-+|-+$/g, '') || 'board';
}

export function arduinoSketch({ host, port, topic }: Reach): string {
  return `// Sends a reading every 10 s. For ESP32 and ESP8266.
// Library: "MQTT" by Joel Gaehwiler, from the Library Manager.
#if defined(ESP8266)
#include <ESP8266WiFi.h>
#else
#include <WiFi.h>
#endif
#include <MQTT.h>

const char wifi_name[] = "your network";
const char wifi_password[] = "its password";
const char host[] = ${quoted(host)};
const int port = ${port};
const char topic[] = ${quoted(topic)};

WiFiClient network;
MQTTClient client(256);

// Put your sensor here.
float temperature() { return 20.0 + random(100) / 100.0; }

void connect() {
  while (WiFi.status() != WL_CONNECTED) delay(200);
  // Two boards with one id throw each other out, so the id is the board's own.
  String id = "board-" + WiFi.macAddress();
  while (!client.connect(id.c_str())) delay(1000);
}

void setup() {
  WiFi.mode(WIFI_STA);
  WiFi.begin(wifi_name, wifi_password);
  client.begin(host, port, network);
  client.setKeepAlive(30);
}

void loop() {
  static unsigned long last = 0;
  if (!client.connected()) connect();
  client.loop();
  if (last != 0 && millis() - last < 10000) return;
  last = millis();
  String message = "{\\"temperature\\":" + String(temperature(), 2) + "}";
  // The last number is the quality of service: 1 waits until the server has stored it.
  client.publish(topic, message, false, 1);
}
`;
}

export function esphomeLines({ host, port, topic }: Reach): string {
  return `mqtt:
  broker: ${quoted(host)}
  port: ${port}
  topic_prefix: ${quoted(topic.replace(/\/[^/]*$/, '') || topic)}
  discovery: true
`;
}

export function tasmotaLine({ host, port, topic }: Reach): string {
  return `Backlog MqttHost ${host}; MqttPort ${port}; MqttUser 0; MqttPassword 0; Topic ${wordOf(topic)}; TelePeriod 60; SetOption3 1`;
}

const body = '{"temperature":21.5}';
const pathOf = (topic: string) => topic.split('/').map(encodeURIComponent).join('/');

export function curlLine({ http, topic }: Reach): string {
  return `curl -d ${inShell(body)} ${inShell(`${http}/api/v1/ingest/${pathOf(topic)}`)}`;
}

export function pythonLines({ http, topic }: Reach): string {
  return `import json, urllib.request

url = ${quoted(`${http}/api/v1/ingest/${pathOf(topic)}`)}
body = json.dumps({"temperature": 21.5}).encode()
print(urllib.request.urlopen(url, body).read().decode())
`;
}

export function mosquittoLine({ host, port, topic }: Reach): string {
  return `mosquitto_pub -h ${host} -p ${port} -q 1 -t ${inShell(topic)} -m ${inShell(body)}`;
}

const isLoopback = (host: string) => /^(localhost|127\.|\[?::1\]?$)/.test(host);

/** Stands where a board has the server's address, while the server has none that a board can reach. */
export const hostMissing = 'ADDRESS-OF-THIS-COMPUTER';

/** What goes onto a board: the address of this computer itself would lead the board to itself. */
export const onBoard = (reach: Reach): Reach =>
  isLoopback(reach.host) ? { ...reach, host: hostMissing } : reach;

/**
 * The address that a board can use: that by which this page was reached, if others on the
 * network reach it so too, else the first that the server names.
 */
export function reachOf(mqtt: readonly string[], page: URL, topic: string): Reach {
  const urls = mqtt.flatMap((one) => URL.parse(one.replace(/^mqtts?:/, 'http:')) ?? []);
  const named = urls.find((url) => !isLoopback(url.hostname)) ?? urls[0];
  const host = isLoopback(page.hostname) ? (named?.hostname ?? page.hostname) : page.hostname;
  const scheme = isLoopback(page.hostname) && !isLoopback(host) ? host : page.hostname;
  const port = Number(named?.port || 1883);
  return {
    host: host.replace(/^\[|\]$/g, ''),
    port,
    http: `${page.protocol}//${page.port ? `${scheme}:${page.port}` : scheme}`,
    topic,
  };
}
