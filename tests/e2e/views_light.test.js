/* Each view in light; see support/views.js. */
import { testViews } from "./support/views.js";

testViews("light");
