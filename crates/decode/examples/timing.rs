use decode::decode; use model::Topic;
fn main(){
    let which = std::env::args().nth(1).unwrap();
    let n: usize = std::env::args().nth(2).unwrap().parse().unwrap();
    let (t,p) = match which.as_str() { "json" => ("home/kitchen/climate", r#"{"temperature":21.5,"humidity":48.2,"pressure":1013.25}"#), "json4" => ("home/kitchen/climate", r#"{"temperature":21.5,"humidity":48.2,"pressure":1013.2,"rssi":-61}"#), "number" => ("esp32/dht/temperature","23.75"), _=>("iot/v1/home/240ac4123456/telemetry", r#"{"seq":3,"up":2621901,"ts":1795359311479,"temperature":21.1,"humidity":55.5}"#)};
    let t=Topic::parse(t).unwrap();
    for _ in 0..n { std::hint::black_box(decode(std::hint::black_box(&t),std::hint::black_box(p.as_bytes()),None)); }
}
