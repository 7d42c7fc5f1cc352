// The drawing function of each panel type: draw(root, data, context) gives a view ({resize, destroy}), or null for no data.

import * as bargauge from "./bargauge.js";
import * as gauge from "./gauge.js";
import * as heatmap from "./heatmap.js";
import * as stat from "./stat.js";
import * as stateTimeline from "./state-timeline.js";
import * as table from "./table.js";
import * as text from "./text.js";
import * as timeseries from "./timeseries.js";

export const DRAW = {
  timeseries: timeseries.draw,
  stat: stat.draw,
  gauge: gauge.draw,
  bargauge: bargauge.draw,
  table: table.draw,
  "state-timeline": stateTimeline.draw,
  heatmap: heatmap.draw,
  text: text.draw,
};
