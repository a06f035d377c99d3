/** Units of one quantity, to suggest another one. The server alone decides what converts. */
const families = [
  ['°C', '°F', 'K'],
  ['Pa', 'hPa', 'kPa', 'bar', 'mbar', 'mmHg', 'inHg', 'psi'],
  ['W', 'kW', 'MW'],
  ['Wh', 'kWh', 'MWh'],
  ['mV', 'V', 'kV'],
  ['mA', 'A'],
  ['m/s', 'km/h', 'mph', 'kn'],
  ['mm', 'cm', 'm', 'km', 'in', 'ft'],
  ['ppm', 'ppb'],
  ['g', 'kg'],
  ['mL', 'L', 'm³'],
  ['s', 'min', 'h', 'd'],
];

export function unitsLike(unit: string): string[] {
  return families.find((family) => family.includes(unit))?.filter((one) => one !== unit) ?? [];
}
