// Holds HTTP archives to the published schema of HAR 1.2 (har-validator, npm). Argument: files. Prints nothing where all are valid.
import { readFileSync } from "node:fs";
import validate from "har-validator";

for (const file of process.argv.slice(2)) {
  try {
    await validate.har(JSON.parse(readFileSync(file, "utf8")));
  } catch (e) {
    console.log(`${file}: ${e.message} ${JSON.stringify(e.errors)}`);
  }
}
