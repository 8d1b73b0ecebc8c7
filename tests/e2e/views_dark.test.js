/* Each view in dark; see support/views.js. */
import { testViews } from "./support/views.js";

testViews("dark");
